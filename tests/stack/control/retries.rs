//! Retries of jobs that ended.

use std::time::Duration;

use serde_json::{Value, json};
use sim::{Fault, Plan, Stack};

use super::{HOUR, cancel, failed_job, retry};

#[tokio::test(start_paused = true)]
async fn failed_job_can_be_retried() {
    for discipline in ["standard", "lifo"] {
        let stack = Stack::new().await;
        let tenant = stack.tenant();
        let id = failed_job(&stack, discipline).await;
        // After 20 days the job is still shown, and its payload, stored in a separate item, still
        // exists.
        tokio::time::sleep(20 * 24 * HOUR).await;
        stack.aws.sweep_ttl();
        let before = tenant.job(&id).await;
        let answer = retry(&tenant, &id).await;
        assert_eq!(
            (answer.status, &answer.body["status"], &answer.body["attempts"]),
            (202, &json!("queued"), &json!(0))
        );
        assert_eq!(
            (&answer.body["error"], &answer.body["finished_at"]),
            (&Value::Null, &Value::Null)
        );
        assert_ne!(tenant.job(&id).await.header("etag"), before.header("etag"));
        assert_eq!(retry(&tenant, &id).await.status, 202, "a repeat only resends the message");
        assert!(stack.run_worker(HOUR).await.emptied);
        let job = tenant.job(&id).await.body;
        assert_eq!(
            (&job["status"], &job["attempts"]),
            (&json!("failed"), &json!(1)),
            "{discipline}"
        );
        assert!(job["started_at"].as_str() >= answer.body["run_at"].as_str());
    }
}

/// The retry takes effect after the function gave up and answered 503: the job still runs.
#[tokio::test(start_paused = true)]
async fn retry_that_takes_effect_late_still_runs() {
    for discipline in ["standard", "lifo"] {
        let stack = Stack::new().await;
        let tenant = stack.tenant();
        let id = failed_job(&stack, discipline).await;
        let late = |operation: &str, _| match operation {
            "UpdateItem" => Fault::Late(Duration::from_secs(5)),
            _ => Fault::None,
        };
        stack.aws.inject(Plan::new(late));
        assert_eq!(retry(&tenant, &id).await.status, 503);
        stack.aws.heal();
        assert!(stack.run_worker(HOUR).await.emptied);
        let job = tenant.job(&id).await.body;
        assert_eq!(
            (&job["status"], &job["attempts"]),
            (&json!("failed"), &json!(1)),
            "{discipline}: {job}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn retry_changes_the_etag() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let id = tenant.submit("echo", json!(1)).await.id().to_owned();
    let fresh = tenant.job(&id).await.header("etag").to_owned();
    cancel(&tenant, &id).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    retry(&tenant, &id).await;
    assert_eq!(tenant.with("if-none-match", &fresh).job(&id).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn cancelled_job_can_be_retried_and_completes() {
    for discipline in ["standard", "priority"] {
        let stack = Stack::new().await;
        let tenant = stack.tenant();
        stack
            .define(
                "one",
                json!({"schema": {}, "target": {"type": "echo"}, "discipline": discipline}),
            )
            .await;
        let id = tenant.submit("one", json!(1)).await.id().to_owned();
        cancel(&tenant, &id).await;
        stack.run_worker(HOUR).await;
        assert_eq!(retry(&tenant, &id).await.status, 202);
        assert!(stack.run_worker(HOUR).await.emptied);
        assert_eq!(tenant.job(&id).await.body["status"], "completed", "{discipline}");
    }
}

#[tokio::test(start_paused = true)]
async fn outage_is_a_503_and_a_repeat_completes_the_retry() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let id = failed_job(&stack, "standard").await;
    stack.aws.inject(Plan::always("SendMessage", Fault::Before));
    let answer = retry(&tenant, &id).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    stack.aws.heal();
    assert_eq!(retry(&tenant, &id).await.status, 202);
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_eq!(tenant.job(&id).await.body["status"], "failed");
}
