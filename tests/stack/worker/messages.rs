//! Invalid, duplicate and newer messages.

use serde_json::json;
use sim::{JOBS, Stack};

use super::{HOUR, MINUTE};

#[tokio::test(start_paused = true)]
async fn invalid_messages_are_dropped_individually() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let id = tenant.submit("echo", json!(1)).await.id().to_owned();
    let unknown = json!({
        "v": 1,
        "job": {
            "account": stack.tenant_account(), "id": "job_01kagzwy00e81840g2081040g2",
            "kind": "echo",
        },
    });
    for body in ["garbage".to_owned(), r#"{"v":1}"#.to_owned(), unknown.to_string()] {
        let queue = stack.aws.queue_url(JOBS);
        stack.aws.sqs().send_message().queue_url(queue).message_body(body).send().await.unwrap();
    }
    let run = stack.run_worker(MINUTE).await;
    assert!(run.emptied, "{run:?}");
    assert_eq!(tenant.job(&id).await.body["status"], "completed");
    let dropped: f64 =
        stack.emitted_metrics().iter().filter_map(|line| line["MessagesDropped"].as_f64()).sum();
    assert_eq!(dropped, 3.0);
}

#[tokio::test(start_paused = true)]
async fn duplicate_message_causes_one_attempt() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let id = tenant.submit("echo", json!(1)).await.id().to_owned();
    let body = stack.aws.messages(JOBS)[0].body.clone();
    stack
        .aws
        .sqs()
        .send_message()
        .queue_url(stack.aws.queue_url(JOBS))
        .message_body(body)
        .send()
        .await
        .unwrap();
    assert!(stack.run_worker(HOUR).await.emptied);
    let job = tenant.job(&id).await.body;
    assert_eq!((&job["status"], &job["attempts"]), (&json!("completed"), &json!(1)));
}

#[tokio::test(start_paused = true)]
async fn message_of_a_newer_version_stays_in_the_queue() {
    let stack = Stack::new().await;
    let queue = stack.aws.queue_url(JOBS);
    stack
        .aws
        .sqs()
        .send_message()
        .queue_url(queue)
        .message_body(r#"{"v":2,"more":1}"#)
        .send()
        .await
        .unwrap();
    assert!(!stack.run_worker(HOUR).await.emptied);
    assert_eq!(stack.aws.messages(JOBS).len(), 1);
}
