//! Cost of a job in calls and capacity units. The design promises these numbers.

use std::time::Duration;

use serde_json::json;
use sim::{EventSource, JOBS, Ledger, Stack};

const MINUTE: Duration = Duration::from_secs(60);

/// Lets `poll` write its counters, which are not part of the cost of one request. Keys stay cached.
async fn flush_counters(stack: &Stack) {
    tokio::time::sleep(Duration::from_secs(6)).await;
    stack.aws.reset_ledger();
}

/// A small event costs one write, and one read of the new events.
#[tokio::test(start_paused = true)]
async fn cost_of_an_event() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    let path = format!("/v1/accounts/{account}/events");
    let publish = async |client: &sim::Client| {
        let body = json!({"data": {"id": 7, "reason": "asked for it", "note": "x".repeat(100)}});
        assert_eq!(client.send(http::Method::POST, &path, Some(body)).await.status, 202);
    };
    publish(&tenant).await;
    let first = tenant.get("/v1/events").await;
    flush_counters(&stack).await;
    publish(&tenant).await;
    insta::assert_snapshot!("event", stack.aws.reset_ledger());
    publish(&tenant.with("idempotency-key", "k")).await;
    insta::assert_snapshot!("event_idempotent", stack.aws.reset_ledger());
    flush_counters(&stack).await;
    let after = first.body["next_cursor"].as_str().unwrap();
    assert_eq!(
        tenant.get(&format!("/v1/events?after={after}")).await.body["items"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    insta::assert_snapshot!("events_page", stack.aws.reset_ledger());
}

/// A job of a kind with `events` costs one more write, one message, and one read to see whether the
/// event exists. The snapshot is of the worker's first batch. It therefore includes what a worker
/// writes at most every ten seconds: completion times and event counts.
#[tokio::test(start_paused = true)]
async fn cost_of_a_batch_with_events() {
    let stack = Stack::new().await;
    stack.define("told", json!({"schema": {}, "target": {"type": "echo"}, "events": true})).await;
    let tenant = stack.tenant();
    for n in 0..10 {
        tenant.submit("told", json!(n)).await;
    }
    flush_counters(&stack).await;
    stack.run_worker(MINUTE).await;
    insta::assert_snapshot!("batch_of_ten_with_events", stack.aws.reset_ledger());
}

#[tokio::test(start_paused = true)]
async fn cost_of_a_plain_job() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    tenant.submit("echo", json!(0)).await;
    stack.run_worker(MINUTE).await;

    stack.aws.reset_ledger();
    let payload = json!({"id": 7, "reason": "asked for it", "note": "x".repeat(100)});
    let accepted = tenant.submit("echo", payload.clone()).await;
    insta::assert_snapshot!("submit", stack.aws.reset_ledger());
    tenant.job(accepted.id()).await;
    insta::assert_snapshot!("poll_young", stack.aws.reset_ledger());
    flush_counters(&stack).await;
    tenant.job(accepted.id()).await;
    insta::assert_snapshot!("poll", stack.aws.reset_ledger());
    tenant.with("idempotency-key", "k").submit("echo", payload).await;
    insta::assert_snapshot!("submit_idempotent", stack.aws.reset_ledger());
}

/// Runs two batches of ten jobs and measures the second. The first includes what a worker writes at
/// most every ten seconds.
async fn second_batch(stack: &Stack) -> Ledger {
    let worker = stack.worker();
    for _ in 0..2 {
        stack.aws.reset_ledger();
        EventSource::new(&stack.aws, JOBS, 10)
            .deliver_once(async |event| {
                Ok::<_, String>(worker.handle(event, "run", stack.deadline()).await)
            })
            .await;
    }
    stack.aws.reset_ledger()
}

#[tokio::test(start_paused = true)]
async fn cost_of_a_batch() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    for n in 0..20 {
        tenant.submit("echo", json!({"id": n, "note": "x".repeat(150)})).await;
    }
    flush_counters(&stack).await;
    insta::assert_snapshot!("batch_of_ten", second_batch(&stack).await);
}

/// Each write of a job in a ready queue costs one unit more. Its batch costs one query and one read
/// of the batch's own jobs.
#[tokio::test(start_paused = true)]
async fn cost_of_an_ordered_batch() {
    let stack = Stack::new().await;
    stack
        .define("pile", json!({"schema": {}, "target": {"type": "echo"}, "discipline": "lifo"}))
        .await;
    let tenant = stack.tenant();
    tenant.submit("pile", json!(0)).await;
    stack.run_worker(MINUTE).await;
    stack.aws.reset_ledger();
    tenant.submit("pile", json!(0)).await;
    insta::assert_snapshot!("submit_ordered", stack.aws.reset_ledger());
    for n in 1..20 {
        tenant.submit("pile", json!(n)).await;
    }
    flush_counters(&stack).await;
    insta::assert_snapshot!("batch_of_ten_ordered", second_batch(&stack).await);
}

/// No call gets more expensive when many jobs wait.
#[tokio::test(start_paused = true)]
async fn cost_does_not_grow_with_the_backlog() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let mut costs = Vec::new();
    for n in 0..=600 {
        stack.aws.reset_ledger();
        let accepted = tenant.submit("echo", json!(n)).await;
        tenant.job(accepted.id()).await;
        let ledger = stack.aws.reset_ledger();
        if [1, 10, 100, 600].contains(&n) {
            costs.push((ledger.calls(), ledger.write_units(), ledger.read_units()));
        }
    }
    assert!(costs.windows(2).all(|pair| pair[0] == pair[1]), "{costs:?}");
    stack.aws.reset_ledger();
    tenant.get("/v1/jobs?limit=20").await;
    let page = stack.aws.reset_ledger();
    assert!(page.read_units() <= 16.0, "a page of 20 of 600 jobs: {page}");
}

/// The same for ordered kinds: a batch costs the same with 120 and with 800 waiting jobs.
#[tokio::test(start_paused = true)]
async fn cost_of_ordered_jobs_does_not_grow_with_the_backlog() {
    let mut costs = Vec::new();
    for waiting in [120, 800] {
        let stack = Stack::new().await;
        stack
            .define(
                "pile",
                json!({"schema": {}, "target": {"type": "echo"}, "discipline": "priority"}),
            )
            .await;
        let tenant = stack.tenant();
        for n in 0..waiting / 20 {
            let jobs: Vec<_> = (0..20)
                .map(|m| json!({"kind": "pile", "payload": n, "priority": m % 10}))
                .collect();
            let answer = tenant
                .send(http::Method::POST, "/v1/jobs/batch", Some(json!({"jobs": jobs})))
                .await;
            assert_eq!(answer.status, 202);
        }
        let worker = stack.worker();
        stack.aws.reset_ledger();
        sim::EventSource::new(&stack.aws, sim::JOBS, 10)
            .deliver_once(async |event| {
                Ok::<_, String>(worker.handle(event, "run", stack.deadline()).await)
            })
            .await;
        let ledger = stack.aws.reset_ledger();
        costs.push((ledger.calls(), ledger.write_units(), ledger.read_units()));
    }
    assert_eq!(costs[0], costs[1]);
}
