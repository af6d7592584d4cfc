//! Kinds whose jobs are taken in an order: `lifo` and `priority`.

use std::time::Duration;

use axum::response::IntoResponse;
use http::StatusCode;
use serde_json::{Value, json};
use sim::{Client, EventSource, JOBS, KillSwitch, Killed, Stack, run_until_killed};

use crate::target::Target;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const MOMENT: Duration = Duration::from_millis(5);

async fn with_kind(discipline: &str) -> Stack {
    let stack = Stack::new().await;
    let spec = json!({"schema": {}, "target": {"type": "echo"}, "discipline": discipline});
    stack.define("ordered", spec).await;
    stack
}

/// Hands in jobs one after the other, each with a priority, while no worker runs; their ids in this order.
async fn hand_in(client: &Client, priorities: impl IntoIterator<Item = u8>) -> Vec<String> {
    let mut ids = Vec::new();
    for priority in priorities {
        let body = json!({"kind": "ordered", "payload": ids.len(), "priority": priority});
        let answer = client.send(http::Method::POST, "/v1/jobs", Some(body)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        ids.push(answer.id().to_owned());
        tokio::time::sleep(MOMENT).await;
    }
    ids
}

/// Runs a worker on batches of `size`, one at a time, until the queue is empty.
async fn work(stack: &Stack, size: usize) {
    let worker = stack.worker();
    let source = EventSource::new(&stack.aws, JOBS, size).function_timeout(stack.timing.function());
    let run = source
        .run_until_idle(24 * HOUR, async |event| {
            let response = worker.handle(event, "run", stack.deadline()).await;
            tokio::time::sleep(MOMENT).await;
            Ok::<_, String>(response)
        })
        .await;
    assert!(run.emptied, "messages are left: {}", stack.aws.messages(JOBS).len());
}

/// The jobs in the order in which they began.
async fn started(client: &Client, ids: &[String]) -> Vec<String> {
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
async fn a_thousand_finish_newest_first_without_exception() {
    let stack = with_kind("lifo").await;
    let client = stack.tenant();
    let mut ids = hand_in(&client, vec![0; 1000]).await;
    work(&stack, 1).await;
    let began = started(&client, &ids).await;
    ids.reverse();
    assert_eq!(began, ids);
}

#[tokio::test(start_paused = true)]
async fn the_highest_priority_goes_first_and_of_those_the_oldest() {
    let stack = with_kind("priority").await;
    let client = stack.tenant();
    let priorities: Vec<u8> = (0..300u32).map(|n| u8::try_from(n * 7 % 10).unwrap()).collect();
    let ids = hand_in(&client, priorities.clone()).await;
    work(&stack, 1).await;
    let mut expected: Vec<_> = priorities.into_iter().zip(ids.clone()).collect();
    expected.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    assert_eq!(
        started(&client, &ids).await,
        expected.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn inversions_stay_within_a_batch() {
    let stack = with_kind("lifo").await;
    let client = stack.tenant();
    let ids = hand_in(&client, vec![0; 200]).await;
    work(&stack, 10).await;
    for (place, id) in started(&client, &ids).await.iter().enumerate() {
        let newest_first = ids.iter().rev().position(|other| other == id).unwrap();
        assert!(place.abs_diff(newest_first) < 10, "{place} {newest_first}");
    }
}

/// Every call of a worker in turn is its last, with permits that run other jobs than their own.
#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_anywhere_loses_no_permit() {
    for nth in 1..=30 {
        for switch in [KillSwitch::before(nth), KillSwitch::after(nth)] {
            let stack = with_kind("lifo").await;
            let client = stack.tenant();
            let ids = hand_in(&client, vec![0; 6]).await;
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
async fn a_job_that_waits_for_its_time_doesnt_stand_in_the_way() {
    let stack = with_kind("lifo").await;
    let client = stack.tenant();
    let old = hand_in(&client, [0]).await.remove(0);
    let body = json!({"kind": "ordered", "payload": 1, "delay_seconds": 600});
    let later = client.send(http::Method::POST, "/v1/jobs", Some(body)).await;
    work(&stack, 1).await;
    let (old, later) = (client.job(&old).await.body, client.job(later.id()).await.body);
    assert_eq!((&old["status"], &later["status"]), (&json!("completed"), &json!("completed")));
    assert!(old["started_at"].as_str() < later["started_at"].as_str());
    assert!(later["started_at"].as_str() >= later["run_at"].as_str(), "{later}");
    assert_eq!(stack.aws.items().iter().filter(|item| item["agenda"] != Value::Null).count(), 0);
}

/// What is due when a job's own message comes, but is not as good as another, waits for that other's message.
#[tokio::test(start_paused = true)]
async fn a_job_that_comes_due_among_better_ones_is_run_in_its_turn() {
    let stack = with_kind("lifo").await;
    let client = stack.tenant();
    let body = json!({"kind": "ordered", "payload": 1, "delay_seconds": 60});
    let first = client.send(http::Method::POST, "/v1/jobs", Some(body)).await.id().to_owned();
    tokio::time::sleep(MINUTE).await;
    let mut ids = hand_in(&client, vec![0; 5]).await;
    ids.insert(0, first);
    work(&stack, 1).await;
    let began = started(&client, &ids).await;
    ids.reverse();
    assert_eq!(began, ids);
}

/// A job whose permit went to another doesn't wait for that one's retry: the other has a message of its own for that.
#[tokio::test]
async fn a_retry_in_an_hour_holds_nobody_up() {
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
    let ids = hand_in(&client, vec![0; 3]).await;
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
async fn a_cancelled_job_leaves_the_others_their_permits() {
    let stack = with_kind("lifo").await;
    let client = stack.tenant();
    let mut ids = hand_in(&client, vec![0; 6]).await;
    let cancelled = ids.remove(2);
    let answer = client.send(http::Method::DELETE, &format!("/v1/jobs/{cancelled}"), None).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("cancelled")));
    work(&stack, 2).await;
    assert_eq!(started(&client, &ids).await.len(), 5);
    assert_eq!(client.job(&cancelled).await.body["status"], "cancelled");
}

/// One tenant's order is its own: another's older jobs are not held up by it.
#[tokio::test(start_paused = true)]
async fn accounts_have_agendas_of_their_own() {
    let stack = with_kind("priority").await;
    let (one, other) = (stack.tenant(), {
        use shared::account::Scope::{JobsRead, JobsWrite};
        let key = stack.another_key(&[JobsRead, JobsWrite]).await;
        stack.client(&key)
    });
    let many = hand_in(&one, vec![9; 40]).await;
    let few = hand_in(&other, vec![0; 2]).await;
    work(&stack, 1).await;
    let last_of_few = other.job(&few[1]).await.body["started_at"].as_str().unwrap().to_owned();
    let before = started(&one, &many).await;
    let mut sooner = 0;
    for id in before {
        sooner += usize::from(
            one.job(&id).await.body["started_at"].as_str().unwrap() < last_of_few.as_str(),
        );
    }
    assert!(sooner < 10, "{sooner} of the many went first");
}

/// By how many jobs one was passed, or how many it went ahead of, whichever is more.
fn places_off(starts: &[String], place: usize) -> usize {
    let start = &starts[place];
    let passed_by = starts[place + 1..].iter().filter(|other| *other < start).count();
    let ahead_of = starts[..place].iter().filter(|other| *other > start).count();
    passed_by.max(ahead_of)
}

/// Five workers at once on one agenda, with targets that take no time: the worst case. About as many claims are in vain as aren't, not
/// four times as many, as if all reached for the same. Of a hundred jobs, 99 are passed over, or preferred, by no more than are in
/// flight, and none by more than twice as many.
#[tokio::test(start_paused = true)]
async fn workers_share_an_agenda_out() {
    const WORKERS: usize = 5;
    const BATCH: usize = 10;
    for (discipline, seed) in [("lifo", 3), ("priority", 3), ("lifo", 4), ("priority", 4)] {
        let stack = with_kind(discipline).await;
        let client = stack.tenant();
        let ids = hand_in(&client, vec![0; 600]).await;
        // Calls take 5 to 25 ms, each another time, so that workers overlap as they do.
        let seed = sim::Seed(seed);
        let slow = move |name: &str, n| {
            sim::Fault::Delay(Duration::from_millis(5 + seed.draw(name, n) % 20))
        };
        stack.aws.inject(sim::Plan::new(slow));
        stack.aws.reset_ledger();
        let workers = (0..WORKERS).map(async |_| {
            let worker = stack.worker();
            let source =
                EventSource::new(&stack.aws, JOBS, BATCH).function_timeout(stack.timing.function());
            source
                .run_until_idle(HOUR, async |event| {
                    Ok::<_, String>(worker.handle(event, "run", stack.deadline()).await)
                })
                .await
        });
        futures::future::join_all(workers).await;
        stack.aws.heal();
        let ledger = stack.aws.reset_ledger();
        // A claim and an end each, a pace a batch, and what was in vain.
        let in_vain = ledger.count("UpdateItem") - 600 * 2;
        assert!(in_vain < 600 * 3 / 2, "{discipline}: {in_vain} for 600 jobs\n{ledger}");
        let mut starts = Vec::new();
        for id in &ids {
            starts.push(client.job(id).await.body["started_at"].as_str().unwrap().to_owned());
        }
        if discipline == "lifo" {
            starts.reverse();
        }
        let off: Vec<_> = (0..starts.len()).map(|place| places_off(&starts, place)).collect();
        let (most, in_flight) = (*off.iter().max().unwrap(), WORKERS * BATCH);
        let beyond = off.iter().filter(|off| **off > in_flight).count();
        // Workers that collide choose by chance, which leaves one or another job behind.
        assert!(
            beyond <= 6 && most <= 2 * in_flight,
            "{discipline}: {beyond} beyond {in_flight}, {most} at most"
        );
    }
}
