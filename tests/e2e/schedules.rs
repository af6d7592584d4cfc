//! Schedules with the emulator's Scheduler.

use std::time::Duration;

use live_stack::stack;
use reqwest::Method;
use serde_json::{Value, json};

use crate::crash::without_kills;

/// One minute until it is due, the emulator's check of its schedules every ten seconds, and the job
/// itself.
const SCHEDULE_TIMEOUT: Duration = Duration::from_secs(150);

#[tokio::test]
async fn schedule_creates_jobs() {
    let _quiet = without_kills().await;
    let stack = stack();
    let mark = format!("{:x}", rand::random::<u64>());
    let path = format!("/v1/schedules/e2e-{mark}");
    let job = json!({"kind": "echo", "payload": {"mark": mark}, "metadata": {"mark": mark}});
    let spec = json!({"expression": "rate(1 minute)", "account": stack.tenant_account, "job": job});
    let created = stack.operate(Method::PUT, &path, Some(spec)).await;
    assert_eq!(created.status, 201, "{created:?}");
    let read = stack.send(Method::GET, &path, &[], None).await;
    assert_eq!((read.status, &read.body), (200, &created.body));

    let made = tokio::time::timeout(SCHEDULE_TIMEOUT, first_job(&mark)).await.unwrap();
    assert_eq!(stack.operate(Method::DELETE, &path, None).await.status, 204);
    let done = stack.outcome(made["id"].as_str().unwrap(), SCHEDULE_TIMEOUT).await;
    assert_eq!((&done["status"], &done["result"]), (&json!("completed"), &json!({"mark": mark})));
    assert_eq!(stack.send(Method::GET, &path, &[], None).await.status, 404);
}

/// The first job with the mark.
async fn first_job(mark: &str) -> Value {
    loop {
        let list = stack().send(Method::GET, "/v1/jobs?limit=100", &[], None).await;
        let jobs = list.body["items"].as_array().cloned().unwrap_or_default();
        if let Some(job) = jobs.into_iter().find(|job| job["metadata"]["mark"] == mark) {
            return job;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}
