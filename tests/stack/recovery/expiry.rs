//! Expiry by SQS retention and by TTL.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use sim::{EventSource, JOBS, KillSwitch, Stack, TABLE, run_until_killed};

use super::{HOUR, assert_completed, submit};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// No worker runs for seven weeks, and TTL deletes items as early as possible. Messages expire, but
/// jobs don't.
#[tokio::test(start_paused = true)]
async fn unfinished_job_outlives_its_message() {
    let stack = Stack::new().await;
    let client = stack.tenant();
    stack.check().await.unwrap();
    let mut ids = submit(&client, 2).await;
    // This job's payload is stored in a separate item.
    ids.push(client.submit("echo", json!("x".repeat(10_000))).await.id().to_owned());
    for _ in 0..50 * 2 {
        tokio::time::sleep(12 * HOUR).await;
        stack.check().await.unwrap();
        stack.aws.sweep_ttl();
    }
    for id in &ids {
        let job = client.job(id).await.body;
        assert_eq!((&job["status"], &job["expires_at"]), (&json!("queued"), &json!(null)));
    }
    stack.run_worker(HOUR).await;
    assert!(stack.aws.expired_messages(JOBS) >= 3);
    assert_completed(&client, &ids, 1).await;
    tokio::time::sleep(8 * DAY).await;
    stack.aws.sweep_ttl();
    assert_eq!(client.job(&ids[0]).await.status, 404, "a finished job expires");
}

/// The message that announces the end of a job waits for ten days, longer than the job is shown.
#[tokio::test(start_paused = true)]
async fn job_outlives_the_message_announcing_its_end() {
    let stack = Stack::new().await;
    let client = stack.tenant();
    let spec = json!({"schema": {}, "target": {"type": "echo"}, "retention_seconds": 60});
    stack.define("brief", spec).await;
    let body = json!({
        "kind": "brief", "payload": "x".repeat(5000), "callback_url": "http://127.0.0.1:9/",
    });
    let id = client.send(http::Method::POST, "/v1/jobs", Some(body)).await.id().to_owned();
    let worker = stack.worker();
    let source = EventSource::new(&stack.aws, JOBS, 1);
    let switch = KillSwitch::never();
    let once = async |event| {
        let work = worker.handle(event, "run", stack.deadline());
        Ok::<_, String>(run_until_killed(work, &switch).await.unwrap())
    };
    source.deliver_once(once).await;
    assert_eq!(client.job(&id).await.body["status"], "completed");
    for _ in 0..10 {
        tokio::time::sleep(DAY).await;
        stack.aws.sweep_ttl();
    }
    assert_eq!(client.job(&id).await.status, 404, "it is no longer shown");
    stack.run_worker(Duration::from_secs(10)).await;
    let callbacks = client.get("/v1/jobs?kind=tollgate.callback").await;
    assert_eq!(callbacks.body["items"].as_array().map(Vec::len), Some(1), "{callbacks:?}");
}

/// Earlier releases gave unfinished jobs a TTL. An attempt removes it.
#[tokio::test(start_paused = true)]
async fn claim_removes_the_ttl_of_an_earlier_release() {
    let stack = Stack::new().await;
    let client = stack.tenant();
    let target = json!({"type": "http", "url": "http://127.0.0.1:9/"});
    for discipline in ["standard", "lifo"] {
        let retry = json!({"max_attempts": 2, "initial_seconds": 3600, "max_seconds": 3600});
        let spec =
            json!({"schema": {}, "target": target, "retry": retry, "discipline": discipline});
        stack.define(discipline, spec).await;
        let id = client.submit(discipline, json!(1)).await.id().to_owned();
        let mut item =
            stack.aws.items().into_iter().find(|item| item["sk"]["S"] == json!(id)).unwrap();
        item["expires_at"] = json!({"N": (stack.now() + HOUR / 2).seconds_ceil().to_string()});
        put_item(&stack, &item).await;
        stack.run_worker(Duration::from_secs(1)).await;
        assert_eq!(client.job(&id).await.body["attempts"], 1);
        tokio::time::sleep(HOUR / 2 + Duration::from_secs(2)).await;
        stack.aws.sweep_ttl();
        assert_eq!(client.job(&id).await.body["status"], "queued", "{discipline}");
    }
}

/// Puts an item that has only string and number attributes.
async fn put_item(stack: &Stack, item: &Value) {
    let put = stack.aws.dynamodb().put_item().table_name(TABLE);
    let attributes = item.as_object().unwrap().iter().map(|(name, value)| {
        let (sort, value) = value.as_object().unwrap().iter().next().unwrap();
        let value = value.as_str().unwrap_or_else(|| panic!("{name} is {value}")).to_owned();
        let value = if sort == "N" { AttributeValue::N(value) } else { AttributeValue::S(value) };
        (name.clone(), value)
    });
    put.set_item(Some(attributes.collect())).send().await.unwrap();
}

/// A job may wait almost as long as messages are retained, and may be retried until its retention
/// ends after that.
#[tokio::test(start_paused = true)]
async fn payload_is_kept_for_a_late_retry() {
    let stack = Stack::new().await;
    let client = stack.tenant();
    let target = json!({"type": "http", "url": "http://127.0.0.1:9/"});
    let (retry, longest) = (json!({"max_attempts": 1}), 30 * DAY.as_secs());
    let spec =
        json!({"schema": {}, "target": target, "retry": retry, "retention_seconds": longest});
    stack.define("kept", spec).await;
    let id = client.submit("kept", json!("x".repeat(5000))).await.id().to_owned();
    tokio::time::sleep(13 * DAY).await;
    stack.run_worker(Duration::from_secs(10)).await;
    assert_eq!(client.job(&id).await.body["status"], "failed");
    tokio::time::sleep(29 * DAY).await;
    stack.aws.sweep_ttl();
    let retried = client.send(http::Method::POST, &format!("/v1/jobs/{id}/retry"), None).await;
    assert_eq!(retried.status, 202, "{retried:?}");
    stack.run_worker(Duration::from_secs(10)).await;
    assert_eq!(client.job(&id).await.body["error"]["code"], "target-unreachable");
}
