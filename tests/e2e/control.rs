//! Delays, cancellation, retries and callbacks over HTTP.

use live_stack::{JOB_TIMEOUT, stack};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    crash::without_kills,
    target::{Behavior, Target},
};

#[tokio::test]
async fn a_job_due_in_days_waits_and_can_be_cancelled() {
    let stack = stack();
    for delay in [20 * 60, 3 * 24 * 3600] {
        let body = json!({"kind": "echo", "payload": 1, "delay_seconds": delay});
        let accepted = stack.send(Method::POST, "/v1/jobs", &[], Some(body)).await;
        assert_eq!(
            (accepted.status, &accepted.body["status"]),
            (202, &json!("queued")),
            "{accepted:?}"
        );
        assert!(accepted.body["run_at"].as_str() > accepted.body["created_at"].as_str());
        let id = accepted.id();
        let cancelled = stack.send(Method::DELETE, &format!("/v1/jobs/{id}"), &[], None).await;
        assert_eq!((cancelled.status, &cancelled.body["status"]), (200, &json!("cancelled")));
    }
}

#[tokio::test]
async fn delayed_job_runs_and_calls_back() {
    let _quiet = without_kills().await;
    let stack = stack();
    let mut receiver = Target::start(|_| Behavior::Echo).await;
    let body =
        json!({"kind": "echo", "payload": 1, "delay_seconds": 3, "callback_url": receiver.url});
    let accepted = stack.send(Method::POST, "/v1/jobs", &[], Some(body)).await;
    let job = stack.outcome(&accepted.id(), JOB_TIMEOUT).await;
    assert!(job["started_at"].as_str() >= job["run_at"].as_str(), "{job}");
    receiver.wait_for_requests(1, JOB_TIMEOUT).await;
    let told: Value = serde_json::from_slice(&receiver.requests()[0].body).unwrap();
    assert_eq!(told, job);
}

#[tokio::test]
async fn failed_job_can_be_retried() {
    let _quiet = without_kills().await;
    let stack = stack();
    let target =
        Target::start(|nth| if nth == 1 { Behavior::Answer(400) } else { Behavior::Echo }).await;
    stack
        .define("e2e-again", json!({"schema": {}, "target": {"type": "http", "url": target.url}}))
        .await;
    let id = stack.submit("e2e-again", json!("x")).await;
    assert_eq!(stack.outcome(&id, JOB_TIMEOUT).await["status"], "failed");
    let retried = stack.send(Method::POST, &format!("/v1/jobs/{id}/retry"), &[], None).await;
    assert_eq!((retried.status, &retried.body["attempts"]), (202, &json!(0)));
    let job = stack.outcome(&id, JOB_TIMEOUT).await;
    assert_eq!(
        (&job["status"], &job["result"], &job["attempts"]),
        (&json!("completed"), &json!("x"), &json!(1))
    );
}
