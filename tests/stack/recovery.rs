//! Lost messages, and jobs that outlive what SQS and TTL delete: every job reaches its end.

use std::time::Duration;

use serde_json::{Value, json};
use sim::{Client, JOBS, Stack};

mod expiry;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

async fn submit(client: &Client, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(client.submit("echo", json!(n)).await.id().to_owned());
    }
    ids
}

fn lose_all_messages(stack: &Stack) -> usize {
    std::iter::from_fn(|| stack.aws.lose_message(JOBS, 0, |_| true)).count()
}

async fn assert_completed(client: &Client, ids: &[String], attempts: u64) {
    for id in ids {
        let job = client.job(id).await.body;
        assert_eq!(
            (&job["status"], &job["attempts"]),
            (&json!("completed"), &json!(attempts)),
            "{job}"
        );
    }
}

/// The message of a standard job is lost. The recovery scan finds the job within about an hour.
#[tokio::test(start_paused = true)]
async fn lost_message_is_resent() {
    let stack = Stack::new().await;
    let client = stack.tenant();
    stack.run_for(MINUTE).await;
    let ids = submit(&client, 5).await;
    assert_eq!(lose_all_messages(&stack), 5);
    stack.run_for(14 * MINUTE).await;
    assert_eq!(client.job(&ids[0]).await.body["status"], "queued");
    stack.run_for(65 * MINUTE).await;
    assert_completed(&client, &ids, 1).await;
}

#[tokio::test(start_paused = true)]
async fn lost_message_of_a_retry_is_resent() {
    let stack = Stack::new().await;
    let target = define_unreachable_kind(&stack).await;
    let client = stack.tenant();
    let id = client.submit("fails-once", json!(1)).await.id().to_owned();
    stack.run_worker(Duration::from_secs(1)).await;
    assert_eq!(
        (client.job(&id).await.body["attempts"].clone(), lose_all_messages(&stack)),
        (json!(1), 1)
    );
    stack.run_for(3 * HOUR).await;
    let job = client.job(&id).await.body;
    assert_eq!(job["attempts"], 3, "{job}: its retries ran, {target}");
}

/// A kind whose target is unreachable, with three attempts.
async fn define_unreachable_kind(stack: &Stack) -> &'static str {
    let address = "http://127.0.0.1:9/";
    let spec = json!({"schema": {}, "target": {"type": "http", "url": address},
        "retry": {"max_attempts": 3, "initial_seconds": 600, "max_seconds": 600}});
    stack.define("fails-once", spec).await;
    address
}

#[tokio::test(start_paused = true)]
async fn lost_message_of_a_far_job_is_resent() {
    let stack = Stack::new().await;
    let client = stack.tenant();
    let body = json!({"kind": "echo", "payload": 1, "delay_seconds": 3 * 3600});
    let id = client.send(http::Method::POST, "/v1/jobs", Some(body)).await.id().to_owned();
    stack.run_for(170 * MINUTE).await;
    assert_eq!(lose_all_messages(&stack), 1);
    stack.run_for(68 * MINUTE).await;
    assert_eq!(client.job(&id).await.body["status"], "queued");
    stack.run_for(5 * MINUTE).await;
    assert_completed(&client, &[id], 1).await;
}

/// The scan has already passed a job that is retried long after its creation.
#[tokio::test(start_paused = true)]
async fn lost_message_of_a_retried_job_is_resent() {
    let stack = Stack::new().await;
    let client = stack.tenant();
    let ids = submit(&client, 1).await;
    client.send(http::Method::DELETE, &format!("/v1/jobs/{}", ids[0]), None).await;
    stack.run_for(5 * HOUR).await;
    let path = format!("/v1/jobs/{}/retry", ids[0]);
    assert_eq!(client.send(http::Method::POST, &path, None).await.status, 202);
    assert!(lose_all_messages(&stack) > 0);
    stack.run_for(70 * MINUTE).await;
    assert_completed(&client, &ids, 1).await;
}

/// With many other messages in the queue, a few messages are resent per run, which reaches a job
/// within hours. After a certain age, a job's message is always resent.
#[tokio::test(start_paused = true)]
async fn lost_message_is_found_among_many() {
    let stack = Stack::new().await;
    let client = stack.tenant();
    stack.run_for(MINUTE).await;
    let ids = submit(&client, 3).await;
    lose_all_messages(&stack);
    let body = json!({"kind": "echo", "payload": 1, "delay_seconds": 890});
    for _ in 0..40 {
        client.send(http::Method::POST, "/v1/jobs", Some(body.clone())).await;
    }
    let waiting = async {
        loop {
            tokio::time::sleep(10 * MINUTE).await;
            for _ in 0..40 {
                client.send(http::Method::POST, "/v1/jobs", Some(body.clone())).await;
            }
        }
    };
    tokio::select! {
        () = stack.run_for(5 * HOUR) => {}
        () = waiting => {}
    }
    assert_completed(&client, &ids, 1).await;
}

/// No worker for two hours: all messages of the backlog exist, and hardly any is resent.
#[tokio::test(start_paused = true)]
async fn backlog_is_not_resent() {
    let stack = Stack::new().await;
    let client = stack.tenant();
    stack.check().await.unwrap();
    let ids = submit(&client, 200).await;
    for _ in 0..150 {
        tokio::time::sleep(MINUTE).await;
        stack.check().await.unwrap();
    }
    let sent = stack.aws.messages(JOBS).len();
    assert!((200..=210).contains(&sent), "{sent}");
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_completed(&client, &ids, 1).await;
}

fn overdue(stack: &Stack) -> Vec<Value> {
    stack.emitted_metrics().iter().filter(|line| line["Overdue"].is_number()).cloned().collect()
}

/// Cost of recovery: each job is read once, and an idle account costs eight read units an hour.
#[tokio::test(start_paused = true)]
async fn recovery_scan_costs_eight_read_units_per_account() {
    let stack = Stack::new().await;
    let client = stack.tenant();
    stack.run_for(2 * MINUTE).await;
    let quiet = read_units_of_a_scan(&stack).await;
    let ids = submit(&client, 400).await;
    assert!(stack.run_worker(HOUR).await.emptied);
    let busy = read_units_of_a_scan(&stack).await;
    let again = read_units_of_a_scan(&stack).await;
    println!(
        "scan of two accounts: {quiet} read units, {busy} with 400 new jobs, {again} afterwards"
    );
    // Half a unit for each of 16 partitions of two accounts, and eight shards at the end of an
    // hour. A read unit covers 50 jobs.
    assert!(quiet <= 2.0 * 16.0 * 0.5 + 8.0 + 1.0, "{quiet}");
    assert!(busy - quiet <= 400.0 / 40.0, "{busy}");
    assert!(again <= quiet, "{again}");
    assert_completed(&client, &ids, 1).await;
    assert!(overdue(&stack).is_empty());
}

/// Read units of an hour of checks, minus those of as many checks without a scan.
async fn read_units_of_a_scan(stack: &Stack) -> f64 {
    let (mut all, mut least) = (0.0, f64::MAX);
    for _ in 0..61 {
        stack.aws.reset_ledger();
        stack.check().await.unwrap();
        let units = stack.aws.reset_ledger().read_units();
        all += units;
        least = least.min(units);
        tokio::time::sleep(MINUTE).await;
    }
    all - 61.0 * least
}
