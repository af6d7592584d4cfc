//! Reconciliation of ordered kinds. A permit is a message that lets a worker run the next job of
//! the ready queue. If permits are lost, the check sends new ones and the jobs still run.

mod cost;
mod outages;

use std::time::Duration;

use serde_json::{Value, json};
use sim::{Client, EventSource, JOBS, KillSwitch, Killed, Stack, run_until_killed};

const MINUTE: Duration = Duration::from_secs(60);
const OVERDUE: Duration = Duration::from_secs(15 * 60 + 1);
const HOUR: Duration = Duration::from_secs(3600);

async fn stack_with_ordered_kind() -> Stack {
    let stack = Stack::new().await;
    define(&stack, "lifo").await;
    stack
}

async fn define(stack: &Stack, discipline: &str) {
    let spec = json!({"schema": {}, "target": {"type": "echo"}, "discipline": discipline});
    stack.define("ordered", spec).await;
}

async fn submit(client: &Client, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(client.submit("ordered", json!(n)).await.id().to_owned());
    }
    ids
}

/// Simulates the loss of every message in the queue.
async fn lose_messages(stack: &Stack) {
    stack.aws.sqs().purge_queue().queue_url(stack.aws.queue_url(JOBS)).send().await.unwrap();
}

fn queued_messages(stack: &Stack) -> usize {
    stack.aws.messages(JOBS).len()
}

fn metric_values(stack: &Stack, metric: &str) -> Vec<f64> {
    stack.emitted_metrics().iter().filter_map(|line| line[metric].as_f64()).collect()
}

async fn assert_completed(client: &Client, ids: &[String]) {
    for id in ids {
        let job = client.job(id).await.body;
        assert_eq!(job["status"], "completed", "{job}");
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_with_lost_permits_still_run() {
    let stack = stack_with_ordered_kind().await;
    let client = stack.tenant();
    let ids = submit(&client, 5).await;
    lose_messages(&stack).await;
    tokio::time::sleep(14 * MINUTE).await;
    stack.check().await.unwrap();
    assert_eq!(queued_messages(&stack), 0, "messages may still be in flight");
    tokio::time::sleep(MINUTE + Duration::from_secs(1)).await;
    stack.check().await.unwrap();
    assert_eq!(
        (
            queued_messages(&stack),
            metric_values(&stack, "Overdue"),
            metric_values(&stack, "PermitsSent")
        ),
        (5, vec![5.0], vec![5.0])
    );
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_completed(&client, &ids).await;
}

#[tokio::test(start_paused = true)]
async fn backlog_gets_one_extra_permit_per_run() {
    let stack = stack_with_ordered_kind().await;
    let client = stack.tenant();
    let ids = submit(&client, 50).await;
    tokio::time::sleep(OVERDUE).await;
    for run in 1..=5 {
        stack.check().await.unwrap();
        assert_eq!(queued_messages(&stack), 50 + run, "one permit per run and ready queue");
    }
    assert!(stack.run_worker(HOUR).await.emptied, "surplus permits are dropped");
    assert_completed(&client, &ids).await;
    assert_eq!(metric_values(&stack, "Overdue"), [50.0; 5]);
}

/// Lost permits are replaced even if the queue is full of messages of other kinds.
#[tokio::test(start_paused = true)]
async fn lost_permits_are_found_among_messages_of_other_kinds() {
    let stack = stack_with_ordered_kind().await;
    let client = stack.tenant();
    let ids = submit(&client, 3).await;
    lose_messages(&stack).await;
    for n in 0..20 {
        client.submit("echo", json!(n)).await;
    }
    tokio::time::sleep(OVERDUE).await;
    for _ in 0..3 {
        stack.check().await.unwrap();
    }
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_completed(&client, &ids).await;
}

#[tokio::test(start_paused = true)]
async fn recovers_a_running_job_without_worker_and_message() {
    let stack = stack_with_ordered_kind().await;
    let client = stack.tenant();
    let id = submit(&client, 1).await.remove(0);
    let worker = stack.worker();
    // Kills the worker one call later each time, until it dies right after its claim.
    let mut calls = 0;
    while client.job(&id).await.body["status"] != "running" {
        calls += 1;
        let switch = KillSwitch::after(calls);
        EventSource::new(&stack.aws, JOBS, 1)
            .deliver_once(async |event| {
                run_until_killed(worker.handle(event, "dies", stack.deadline()), &switch)
                    .await
                    .ok_or(Killed)
            })
            .await;
        assert!(calls < 20);
        tokio::time::sleep(stack.timing.visibility()).await;
    }
    lose_messages(&stack).await;
    tokio::time::sleep(OVERDUE + stack.timing.function()).await;
    stack.check().await.unwrap();
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_completed(&client, &[id]).await;
}

/// When a kind becomes `standard`, each remaining permit runs one given job, and the index is
/// emptied.
#[tokio::test(start_paused = true)]
async fn kind_changed_to_standard_empties_its_ready_queue() {
    let stack = stack_with_ordered_kind().await;
    let client = stack.tenant();
    let ids = submit(&client, 3).await;
    lose_messages(&stack).await;
    define(&stack, "standard").await;
    tokio::time::sleep(OVERDUE).await;
    stack.check().await.unwrap();
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_completed(&client, &ids).await;
    assert!(stack.aws.items().iter().all(|item| item["agenda"] == Value::Null));
}
