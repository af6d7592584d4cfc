//! Occurrences that Scheduler dead-letters or loses.

use std::time::Duration;

use model::time::Time;
use serde_json::json;
use sim::{DEAD_LETTERS, EventSource, Fate, JOBS, Stack};

use super::{HOUR, MINUTE, jobs, run_times};
use crate::schedules::put;

/// Processes all dead letters, then jobs.
async fn work_on_dead_letters(stack: &Stack, patience: Duration) {
    let worker = stack.worker();
    let source = EventSource::new(&stack.aws, DEAD_LETTERS, 10);
    let run = source.run_until_idle(patience, async |event| {
        Ok::<_, String>(worker.handle(event, "dead", stack.deadline()).await)
    });
    assert!(!run.await.deliveries.is_empty(), "no dead letter");
    stack.run_worker(MINUTE).await;
}

/// Scheduler retries for an hour instead of its default of a day. Then its dead letter creates the
/// job.
#[tokio::test(start_paused = true)]
async fn dead_letter_of_scheduler_creates_the_job_late() {
    let stack = Stack::new().await;
    stack.aws.decide_occurrences(|_, _| Fate::DeadLettered);
    put(&stack, json!({"expression": "cron(0 17 20 11 ? 2026)"})).await;
    stack.run_worker(HOUR + MINUTE).await;
    assert!(jobs(&stack).await.is_empty(), "it was not sent");
    work_on_dead_letters(&stack, HOUR + MINUTE).await;
    let made = jobs(&stack).await;
    assert_eq!(run_times(&made), ["2026-11-20T17:00:00.000Z"]);
    assert_eq!(made[0]["status"], "completed");
    let took = made[0]["finished_at"].as_str().unwrap().parse::<Time>().unwrap();
    let due = "2026-11-20T17:00:00Z".parse::<Time>().unwrap();
    assert!((HOUR..HOUR + 3 * MINUTE).contains(&took.since(due)), "{}", made[0]);
}

/// A lost response makes Scheduler both send an occurrence and give it up. There is still only one
/// job.
#[tokio::test(start_paused = true)]
async fn occurrence_sent_and_dead_lettered_creates_one_job() {
    let stack = Stack::new().await;
    stack.aws.decide_occurrences(|_, _| Fate::DeadLettered);
    put(&stack, json!({"expression": "cron(0 17 20 11 ? 2026)"})).await;
    tokio::time::sleep(HOUR).await;
    stack.aws.fire_due_schedules();
    let body = r#"{"v":1,"schedule":{"name":"nightly","at":"2026-11-20T17:00:00Z"}}"#;
    let call = stack.aws.sqs().send_message().queue_url(stack.aws.queue_url(JOBS));
    call.message_body(body).send().await.unwrap();
    stack.run_worker(MINUTE).await;
    assert_eq!(jobs(&stack).await.len(), 1);
    work_on_dead_letters(&stack, 2 * HOUR).await;
    assert_eq!(jobs(&stack).await.len(), 1);
}

/// An occurrence that Scheduler neither sends nor dead-letters is lost; the next ones are not
/// affected.
#[tokio::test(start_paused = true)]
async fn lost_occurrence_does_not_affect_the_next() {
    let stack = Stack::new().await;
    stack.aws.decide_occurrences(|_, due_ms| match due_ms / 60_000 % 10 {
        0 => Fate::Lost,
        _ => Fate::OnTime,
    });
    put(&stack, json!({"expression": "cron(0/5 17 20 11 ? 2026)"})).await;
    stack.run_worker(HOUR + 13 * MINUTE).await;
    assert_eq!(run_times(&jobs(&stack).await), ["2026-11-20T17:05:00.000Z"]);
}
