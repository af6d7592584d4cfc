//! Ordered kinds: `lifo` and `priority`.

mod concurrent;

use std::time::Duration;

use axum::response::IntoResponse;
use http::StatusCode;
use serde_json::{Value, json};
use sim::{Client, EventSource, JOBS, KillSwitch, Killed, Stack, run_until_killed};

use crate::target::Target;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const TICK: Duration = Duration::from_millis(5);

async fn with_kind(discipline: &str) -> Stack {
    let stack = Stack::new().await;
    let spec = json!({"schema": {}, "target": {"type": "echo"}, "discipline": discipline});
    stack.define("ordered", spec).await;
    stack
}

/// Submits one job per priority while no worker runs, and returns the ids in that order.
async fn submit(client: &Client, priorities: impl IntoIterator<Item = u8>) -> Vec<String> {
    let mut ids = Vec::new();
    for priority in priorities {
        let body = json!({"kind": "ordered", "payload": ids.len(), "priority": priority});
        let answer = client.send(http::Method::POST, "/v1/jobs", Some(body)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        ids.push(answer.id().to_owned());
        tokio::time::sleep(TICK).await;
    }
    ids
}

/// Runs one worker on batches of up to `size` messages, until the queue is empty.
async fn work(stack: &Stack, size: usize) {
    let worker = stack.worker();
    let source = EventSource::new(&stack.aws, JOBS, size).function_timeout(stack.timing.function());
    let run = source
        .run_until_idle(24 * HOUR, async |event| {
            let response = worker.handle(event, "run", stack.deadline()).await;
            tokio::time::sleep(TICK).await;
            Ok::<_, String>(response)
        })
        .await;
    assert!(run.emptied, "messages are left: {}", stack.aws.messages(JOBS).len());
}

/// The ids in the order in which the jobs started.
async fn ids_by_start(client: &Client, ids: &[String]) -> Vec<String> {
    let mut jobs = Vec::new();
    for id in ids {
        let job = client.job(id).await.body;
        assert_eq!((&job["status"], &job["attempts"]), (&json!("completed"), &json!(1)), "{job}");
        jobs.push((job["started_at"].as_str().unwrap().to_owned(), id.clone()));
    }
    jobs.sort();
    jobs.into_iter().map(|(_, id)| id).collect()
}

#[tokio::test(start_paused = true)]
async fn lifo_runs_1000_jobs_newest_first() {
    let stack = with_kind("lifo").await;
    let client = stack.tenant();
    let mut ids = submit(&client, vec![0; 1000]).await;
    work(&stack, 1).await;
    let began = ids_by_start(&client, &ids).await;
    ids.reverse();
    assert_eq!(began, ids);
}

#[tokio::test(start_paused = true)]
async fn highest_priority_runs_first_then_oldest() {
    let stack = with_kind("priority").await;
    let client = stack.tenant();
    let priorities: Vec<u8> = (0..300u32).map(|n| u8::try_from(n * 7 % 10).unwrap()).collect();
    let ids = submit(&client, priorities.clone()).await;
    work(&stack, 1).await;
    let mut expected: Vec<_> = priorities.into_iter().zip(ids.clone()).collect();
    expected.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    assert_eq!(
        ids_by_start(&client, &ids).await,
        expected.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn inversions_stay_within_one_batch() {
    let stack = with_kind("lifo").await;
    let client = stack.tenant();
    let ids = submit(&client, vec![0; 200]).await;
    work(&stack, 10).await;
    for (place, id) in ids_by_start(&client, &ids).await.iter().enumerate() {
        let newest_first = ids.iter().rev().position(|other| other == id).unwrap();
        assert!(place.abs_diff(newest_first) < 10, "{place} {newest_first}");
    }
}

/// A worker dies at each of its calls in turn, holding permits for jobs other than its own.
#[tokio::test(start_paused = true)]
async fn dead_worker_loses_no_permit() {
    for nth in 1..=30 {
        for switch in [KillSwitch::before(nth), KillSwitch::after(nth)] {
            let stack = with_kind("lifo").await;
            let client = stack.tenant();
            let ids = submit(&client, vec![0; 6]).await;
            let source = EventSource::new(&stack.aws, JOBS, 3);
            let worker = stack.worker();
            source
                .deliver_once(async |event| {
                    let work = worker.handle(event, "dies", stack.deadline());
                    run_until_killed(work, &switch).await.ok_or(Killed)
                })
                .await;
            work(&stack, 2).await;
            for id in &ids {
                let job = client.job(id).await.body;
                assert_eq!(job["status"], "completed", "call {nth}: {job}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn delayed_job_does_not_block_others() {
    let stack = with_kind("lifo").await;
    let client = stack.tenant();
    let old = submit(&client, [0]).await.remove(0);
    let body = json!({"kind": "ordered", "payload": 1, "delay_seconds": 600});
    let later = client.send(http::Method::POST, "/v1/jobs", Some(body)).await;
    work(&stack, 1).await;
    let (old, later) = (client.job(&old).await.body, client.job(later.id()).await.body);
    assert_eq!((&old["status"], &later["status"]), (&json!("completed"), &json!("completed")));
    assert!(old["started_at"].as_str() < later["started_at"].as_str());
    assert!(later["started_at"].as_str() >= later["run_at"].as_str(), "{later}");
    assert_eq!(stack.aws.items().iter().filter(|item| item["agenda"] != Value::Null).count(), 0);
}

/// A job that is due, but ranks lower than others, runs in its turn and not with its own message.
#[tokio::test(start_paused = true)]
async fn due_job_runs_in_its_turn() {
    let stack = with_kind("lifo").await;
    let client = stack.tenant();
    let body = json!({"kind": "ordered", "payload": 1, "delay_seconds": 60});
    let first = client.send(http::Method::POST, "/v1/jobs", Some(body)).await.id().to_owned();
    tokio::time::sleep(MINUTE).await;
    let mut ids = submit(&client, vec![0; 5]).await;
    ids.insert(0, first);
    work(&stack, 1).await;
    let began = ids_by_start(&client, &ids).await;
    ids.reverse();
    assert_eq!(began, ids);
}

/// The permit of one job ran another, which is retried in an hour. The retry has its own message,
/// so the other jobs don't wait for it.
#[tokio::test]
async fn pending_retry_does_not_delay_other_jobs() {
    let stack = Stack::new().await;
    let busy = |nth| {
        let answer = (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "3000")]).into_response();
        if nth == 1 { answer } else { StatusCode::OK.into_response() }
    };
    let target = Target::start(busy).await;
    let spec =
        json!({"schema": {}, "target": {"type": "http", "url": target.url}, "discipline": "lifo"});
    stack.define("ordered", spec).await;
    let client = stack.tenant();
    let ids = submit(&client, vec![0; 3]).await;
    let worker = stack.worker();
    for _ in 0..3 {
        EventSource::new(&stack.aws, JOBS, 1)
            .deliver_once(async |event| {
                Ok::<_, String>(worker.handle(event, "run", stack.deadline()).await)
            })
            .await;
    }
    let mut statuses = Vec::new();
    for id in &ids {
        statuses.push(client.job(id).await.body["status"].clone());
    }
    assert_eq!(statuses, [json!("completed"), json!("completed"), json!("queued")]);
    assert_eq!(stack.aws.messages(JOBS).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn cancelled_job_does_not_take_a_permit() {
    let stack = with_kind("lifo").await;
    let client = stack.tenant();
    let mut ids = submit(&client, vec![0; 6]).await;
    let cancelled = ids.remove(2);
    let answer = client.send(http::Method::DELETE, &format!("/v1/jobs/{cancelled}"), None).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("cancelled")));
    work(&stack, 2).await;
    assert_eq!(ids_by_start(&client, &ids).await.len(), 5);
    assert_eq!(client.job(&cancelled).await.body["status"], "cancelled");
}

/// Each account has its own ready queue. Many jobs of one account do not delay those of another.
#[tokio::test(start_paused = true)]
async fn accounts_have_separate_ready_queues() {
    let stack = with_kind("priority").await;
    let (one, other) = (stack.tenant(), {
        use model::account::Scope::{JobsRead, JobsWrite};
        let key = stack.create_account_key(&[JobsRead, JobsWrite]).await;
        stack.client(&key)
    });
    let many = submit(&one, vec![9; 40]).await;
    let few = submit(&other, vec![0; 2]).await;
    work(&stack, 1).await;
    let last_of_few = other.job(&few[1]).await.body["started_at"].as_str().unwrap().to_owned();
    let before = ids_by_start(&one, &many).await;
    let mut sooner = 0;
    for id in before {
        sooner += usize::from(
            one.job(&id).await.body["started_at"].as_str().unwrap() < last_of_few.as_str(),
        );
    }
    assert!(sooner < 10, "{sooner} jobs of the other account ran first");
}
