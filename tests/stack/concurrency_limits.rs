//! Fairness between accounts, and concurrency limits per account.

use std::time::Duration;

use model::{account::Scope, time::Time};
use serde_json::json;
use sim::{Client, EventSource, JOBS, KillSwitch, Killed, Options, Stack, run_until_killed};

use crate::target::Target;

const HOUR: Duration = Duration::from_secs(3600);

async fn submit(client: &Client, kind: &str, number: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for chunk in (0..number).collect::<Vec<_>>().chunks(100) {
        let jobs: Vec<_> = chunk.iter().map(|n| json!({"kind": kind, "payload": n})).collect();
        let answer =
            client.send(http::Method::POST, "/v1/jobs/batch", Some(json!({"jobs": jobs}))).await;
        let items = answer.body["items"].as_array().unwrap();
        ids.extend(items.iter().map(|item| item["job"]["id"].as_str().unwrap().to_owned()));
    }
    ids
}

/// Five jobs submitted behind 5,000 jobs of another account do not wait for them.
#[tokio::test(start_paused = true)]
async fn few_jobs_do_not_wait_behind_a_large_account() {
    let stack = Stack::new().await;
    submit(&stack.tenant(), "echo", 5000).await;
    let few = stack.client(&stack.create_account_key(&[Scope::JobsRead, Scope::JobsWrite]).await);
    let ids = submit(&few, "echo", 5).await;
    let worker = stack.worker();
    let source = EventSource::new(&stack.aws, JOBS, 10);
    for _ in 0..3 {
        source
            .deliver_once(async |event| {
                Ok::<_, String>(worker.handle(event, "run", stack.deadline()).await)
            })
            .await;
    }
    for id in &ids {
        assert_eq!(few.job(id).await.body["status"], "completed");
    }
    assert!(stack.aws.messages(JOBS).len() > 4900);
}

/// Six concurrent workers serve an account with a concurrency limit of 3. The target never sees a
/// fourth request, even if a worker dies during a request.
#[tokio::test]
async fn target_never_sees_more_than_the_concurrency_limit() {
    for discipline in ["standard", "lifo"] {
        let stack = Stack::with(Options { max_running: Some(3), ..Options::default() }).await;
        let target = Target::slow(Duration::from_millis(40)).await;
        let spec = json!({
            "schema": {}, "target": {"type": "http", "url": target.url}, "discipline": discipline,
        });
        stack.define("capped", spec).await;
        submit(&stack.tenant(), "capped", 60).await;
        let enough = || target.requests().len() >= 30;
        let workers = (0..6).map(async |n: u64| {
            let source = EventSource::new(&stack.aws, JOBS, 4);
            let worker = stack.worker();
            for round in 0.. {
                if enough() {
                    break;
                }
                // One worker dies while it holds a slot.
                let doomed = n == 0 && round == 1;
                let switch = if doomed { KillSwitch::after(8) } else { KillSwitch::never() };
                let work = source.deliver_once(async |event| {
                    let work = worker.handle(event, "run", stack.deadline());
                    run_until_killed(work, &switch).await.ok_or(Killed)
                });
                work.await;
                // An empty poll returns immediately in the simulator. The pause gives the target
                // time to answer.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        futures::future::join_all(workers).await;
        let most = target.max_concurrent();
        assert!((2..=3).contains(&most), "{most} at once");
    }
}

/// A worker dies at each of its calls in turn. Its slots become free, and every job completes.
#[tokio::test(start_paused = true)]
async fn slots_of_dead_workers_are_released() {
    for discipline in ["standard", "lifo"] {
        for nth in 1..=16 {
            let stack = Stack::with(Options { max_running: Some(2), ..Options::default() }).await;
            stack
                .define(
                    "capped",
                    json!({"schema": {}, "target": {"type": "echo"}, "discipline": discipline}),
                )
                .await;
            let tenant = stack.tenant();
            let ids = submit(&tenant, "capped", 8).await;
            let (worker, switch) = (stack.worker(), KillSwitch::after(nth));
            EventSource::new(&stack.aws, JOBS, 4)
                .deliver_once(async |event| {
                    let work = worker.handle(event, "run", stack.deadline());
                    run_until_killed(work, &switch).await.ok_or(Killed)
                })
                .await;
            assert!(stack.run_worker(24 * HOUR).await.emptied, "{discipline} {nth}");
            for id in &ids {
                assert_eq!(tenant.job(id).await.body["status"], "completed", "{discipline} {nth}");
            }
        }
    }
}

/// The account's own limit takes precedence over the stack's default. A job that takes a slot costs
/// one write more than one that needs none.
#[tokio::test(start_paused = true)]
async fn slot_costs_one_write() {
    let mut costs = Vec::new();
    for cap in [None, Some(20)] {
        let stack = Stack::new().await;
        let accounts = stack.accounts();
        let account = accounts
            .get_cached(stack.tenant_account(), Time::from_millis(0))
            .await
            .unwrap()
            .unwrap();
        let capped = model::account::Account { max_running: cap, ..(*account).clone() };
        accounts.put_account(&capped).await.unwrap();
        submit(&stack.tenant(), "echo", 10).await;
        tokio::time::sleep(Duration::from_secs(12)).await;
        stack.aws.reset_ledger();
        stack.run_worker(HOUR).await;
        costs.push(stack.aws.reset_ledger().write_units());
    }
    // Claim and end of ten jobs, plus the counters and completion times of the worker's first
    // batch.
    assert_eq!(costs, [22.0, 32.0]);
}
