//! Fairness between accounts, and caps on how many jobs of one run at once.

use std::time::Duration;

use serde_json::json;
use shared::{account::Scope, time::Time};
use sim::{Client, EventSource, JOBS, KillSwitch, Killed, Options, Stack, run_until_killed};

use crate::target::Target;

const HOUR: Duration = Duration::from_secs(3600);

async fn hand_in(client: &Client, kind: &str, number: usize) -> Vec<String> {
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

/// Five jobs come in behind five thousand of another account: they don't wait for those.
#[tokio::test(start_paused = true)]
async fn a_few_dont_wait_for_anothers_many() {
    let stack = Stack::new().await;
    hand_in(&stack.tenant(), "echo", 5000).await;
    let few = stack.client(&stack.another_key(&[Scope::JobsRead, Scope::JobsWrite]).await);
    let ids = hand_in(&few, "echo", 5).await;
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

/// Six workers at once on an account that may run three jobs: the target never sees a fourth, also when workers die at work.
#[tokio::test]
async fn the_target_never_sees_more_than_the_cap() {
    for discipline in ["standard", "lifo"] {
        let stack = Stack::with(Options { max_running: Some(3), ..Options::default() }).await;
        let target = Target::slow(Duration::from_millis(40)).await;
        let spec = json!({"schema": {}, "target": {"type": "http", "url": target.url}, "discipline": discipline});
        stack.define("capped", spec).await;
        hand_in(&stack.tenant(), "capped", 60).await;
        let enough = || target.got().len() >= 30;
        let workers = (0..6).map(async |n: u64| {
            let source = EventSource::new(&stack.aws, JOBS, 4);
            let worker = stack.worker();
            for round in 0.. {
                if enough() {
                    break;
                }
                // One dies while it holds a slot.
                let doomed = n == 0 && round == 1;
                let switch = if doomed { KillSwitch::after(8) } else { KillSwitch::never() };
                let work = source.deliver_once(async |event| {
                    let work = worker.handle(event, "run", stack.deadline());
                    run_until_killed(work, &switch).await.ok_or(Killed)
                });
                work.await;
                // An empty poll answers at once, and would leave the target no time to.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        futures::future::join_all(workers).await;
        let most = target.most_at_once();
        assert!((2..=3).contains(&most), "{most} at once");
    }
}

/// Each call of a worker is one's last; the slots that the dead held come free, and every job ends.
#[tokio::test(start_paused = true)]
async fn slots_of_the_dead_come_free() {
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
            let ids = hand_in(&tenant, "capped", 8).await;
            let (worker, switch) = (stack.worker(), KillSwitch::after(nth));
            EventSource::new(&stack.aws, JOBS, 4)
                .deliver_once(async |event| {
                    let work = worker.handle(event, "run", stack.deadline());
                    run_until_killed(work, &switch).await.ok_or(Killed)
                })
                .await;
            assert!(stack.work(24 * HOUR).await.emptied, "{discipline} {nth}");
            for id in &ids {
                assert_eq!(tenant.job(id).await.body["status"], "completed", "{discipline} {nth}");
            }
        }
    }
}

/// An account's own setting counts more than the stack's, and a job in a slot costs one write more than one without.
#[tokio::test(start_paused = true)]
async fn a_slot_costs_one_write() {
    let mut costs = Vec::new();
    for cap in [None, Some(20)] {
        let stack = Stack::new().await;
        let accounts = stack.accounts();
        let account =
            accounts.account(stack.tenant_account(), Time::from_millis(0)).await.unwrap().unwrap();
        let capped = shared::account::Account { max_running: cap, ..(*account).clone() };
        accounts.put_account(&capped).await.unwrap();
        hand_in(&stack.tenant(), "echo", 10).await;
        tokio::time::sleep(Duration::from_secs(12)).await;
        stack.aws.reset_ledger();
        stack.work(HOUR).await;
        costs.push(stack.aws.reset_ledger().write_units());
    }
    // Claims and ends of ten jobs, and of a worker's first batch what it counted, and paces.
    assert_eq!(costs, [22.0, 32.0]);
}
