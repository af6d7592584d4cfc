//! Targets' responses and the resulting job states.

use std::time::Duration;

use live_stack::{JOB_TIMEOUT, stack};
use serde_json::{Value, json};

use crate::{
    crash::without_kills,
    target::{Behavior, Target},
};

/// Runs one job at a target. Returns the job and its attempts.
async fn run(name: &str, target: &Target, more: Value) -> (Value, Vec<Value>) {
    let _quiet = without_kills().await;
    let stack = stack();
    let mut spec = json!({
        "schema": {},
        "target": {"type": "http", "url": target.url},
        "retry": {"max_attempts": 3, "initial_seconds": 1},
    });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    stack.define(name, spec).await;
    let id = stack.submit(name, json!({"id": 7})).await;
    (stack.outcome(&id, JOB_TIMEOUT).await, stack.attempts(&id).await)
}

#[tokio::test]
async fn two_failures_and_a_success_are_three_attempts() {
    let target =
        Target::start(|nth| if nth < 3 { Behavior::Answer(503) } else { Behavior::Echo }).await;
    let (job, attempts) = run("e2e-recovers", &target, json!({})).await;
    assert_eq!(
        (&job["status"], &job["attempts"], &job["result"]),
        (&json!("completed"), &json!(3), &json!({"id": 7}))
    );
    let outcomes: Vec<_> = attempts.iter().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!(json!(outcomes), json!(["retried", "retried", "completed"]));
    let got = target.requests();
    assert_eq!((got.len(), &got[0].body[..]), (3, &br#"{"id":7}"#[..]));
    assert!(got.iter().all(|request| request.headers["webhook-id"] == job["id"].as_str().unwrap()));
}

#[tokio::test]
async fn failing_target_fails_the_job_after_the_last_attempt() {
    let target = Target::start(|_| Behavior::Answer(500)).await;
    let (job, _) = run("e2e-broken", &target, json!({})).await;
    assert_eq!(
        (&job["status"], &job["attempts"], &job["error"]["code"]),
        (&json!("failed"), &json!(3), &json!("target-status"))
    );
    assert_eq!(target.requests().len(), 3);
}

#[tokio::test]
async fn client_error_fails_the_job_without_retries() {
    let target = Target::start(|_| Behavior::Answer(400)).await;
    let (job, _) = run("e2e-refuses", &target, json!({})).await;
    assert_eq!((&job["status"], &job["attempts"]), (&json!("failed"), &json!(1)));
    assert_eq!(target.requests().len(), 1);
}

#[tokio::test]
async fn hanging_target_times_out() {
    let target = Target::start(|_| Behavior::Hang).await;
    let (job, attempts) =
        run("e2e-hangs", &target, json!({"timeout_seconds": 1, "retry": {"max_attempts": 1}}))
            .await;
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("failed"), &json!("target-timeout"))
    );
    let time =
        |field: &str| attempts[0][field].as_str().unwrap().parse::<model::time::Time>().unwrap();
    let took = time("ended_at").since(time("started_at"));
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(3), "{took:?}");
}
