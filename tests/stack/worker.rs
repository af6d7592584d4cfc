//! Guarantees of the worker: every job ends exactly once, whatever happens to workers and messages.

mod dead_letters;
mod messages;

use std::time::Duration;

use model::job::EndedBy;
use serde_json::json;
use sim::{Delivery, EventSource, JOBS, KillSwitch, Killed, Options, Stack, run_until_killed};
use store::EndResult;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// The worker dies at each of its calls in turn, before and after the effect.
#[tokio::test(start_paused = true)]
async fn killed_worker_loses_no_job() {
    for nth in 1..=7 {
        for switch in [KillSwitch::before(nth), KillSwitch::after(nth)] {
            let stack = Stack::new().await;
            let tenant = stack.tenant();
            let ids =
                [tenant.submit("echo", json!(1)).await, tenant.submit("echo", json!(2)).await]
                    .map(|a| a.id().to_owned());
            let source = EventSource::new(&stack.aws, JOBS, 10);
            let worker = stack.worker();
            let died = source
                .deliver_once(async |event| {
                    let work = worker.handle(event, "dies", stack.deadline());
                    run_until_killed(work, &switch).await.ok_or(Killed)
                })
                .await;
            assert!(matches!(died, Delivery::Failed { .. }), "call {nth} was never made: {died:?}");
            assert!(stack.run_worker(HOUR).await.emptied, "call {nth}");
            for id in &ids {
                let job = tenant.job(id).await.body;
                assert_eq!(job["status"], "completed", "call {nth}: {job}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn slow_attempt_cannot_overwrite_a_later_one() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let id = tenant.submit("echo", json!("x")).await.id().to_owned();
    let account = stack.tenant_account();
    let jobs = store::JobStore::new(store::Table::new(stack.aws.dynamodb(), sim::TABLE));
    let claim = |owner: &'static str| {
        let (now, lease) = (stack.now(), stack.now() + MINUTE);
        let (jobs, id) = (jobs.clone(), id.parse().unwrap());
        async move { jobs.claim(account, id, owner, now, lease, None).await.unwrap() }
    };
    let store::ClaimResult::Claimed(slow) = claim("slow").await else { panic!() };
    tokio::time::sleep(2 * MINUTE).await;
    let store::ClaimResult::Claimed(later) = claim("later").await else { panic!() };
    let end = |result: &str| store::AttemptEnd::Completed {
        result: serde_json::value::to_raw_value(result).unwrap(),
        expires_at: stack.now() + HOUR,
    };
    assert_eq!(
        jobs.end_attempt(&slow.job, EndedBy::without_event("slow"), end("slow"), stack.now())
            .await
            .unwrap(),
        EndResult::LeaseLost
    );
    assert_eq!(
        jobs.end_attempt(&later.job, EndedBy::without_event("later"), end("later"), stack.now())
            .await
            .unwrap(),
        EndResult::Written
    );
    assert_eq!(
        jobs.end_attempt(&slow.job, EndedBy::without_event("slow"), end("slow"), stack.now())
            .await
            .unwrap(),
        EndResult::LeaseLost
    );
    assert_eq!(tenant.job(&id).await.body["result"], "later");
}

#[tokio::test(start_paused = true)]
async fn private_addresses_are_refused_unless_allowed() {
    let stack = Stack::with(Options { allow_private_targets: false, ..Options::default() }).await;
    let tenant = stack.tenant();
    for url in [
        "http://127.0.0.1:9/",
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]/",
        "http://0x7f.1/",
        "http://localhost:9/",
    ] {
        stack.define("inward", json!({"schema": {}, "target": {"type": "http", "url": url}})).await;
        tokio::time::sleep(Duration::from_secs(6)).await;
        let id = tenant.submit("inward", json!(1)).await.id().to_owned();
        stack.run_worker(HOUR).await;
        let job = tenant.job(&id).await.body;
        assert_eq!(
            (&job["status"], &job["attempts"], &job["error"]["code"]),
            (&json!("failed"), &json!(1), &json!("target-forbidden")),
            "{url}: {job}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn batch_emits_its_metrics_once() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    for n in 0..3 {
        tenant.submit("echo", json!(n)).await;
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    stack.run_worker(MINUTE).await;
    let mut lines = stack.emitted_metrics();
    lines.retain(|line| line.get("Completed").is_some());
    insta::assert_json_snapshot!(lines);
}

#[tokio::test(start_paused = true)]
async fn unreadable_payload_is_a_failed_attempt_and_is_retried() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let payload = json!("x".repeat(2000));
    let id = tenant.submit("echo", payload.clone()).await.id().to_owned();
    // Two reads for kind and account, then three attempts at the payload.
    stack.aws.inject(sim::Plan::new(|operation, n| {
        if operation == "GetItem" && (3..6).contains(&n) {
            sim::Fault::Throttle
        } else {
            sim::Fault::None
        }
    }));
    let start = stack.now();
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_eq!(stack.aws.heal(), 3);
    let job = tenant.job(&id).await.body;
    assert_eq!(
        (&job["status"], &job["attempts"], &job["result"]),
        (&json!("completed"), &json!(2), &payload)
    );
    assert!(
        stack.now().since(start) < Duration::from_secs(10),
        "the retry took {:?}",
        stack.now().since(start)
    );
    let attempts = tenant.get(&format!("/v1/jobs/{id}/attempts")).await.body;
    assert_eq!(attempts["items"][0]["error"]["code"], "gateway-unavailable");
}

#[tokio::test(start_paused = true)]
async fn attempt_of_a_dead_worker_is_shown_as_crashed() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let id = tenant.submit("echo", json!(1)).await.id().to_owned();
    let source = EventSource::new(&stack.aws, JOBS, 10);
    let worker = stack.worker();
    let switch = KillSwitch::after(3);
    source
        .deliver_once(async |event| {
            run_until_killed(worker.handle(event, "dies", stack.deadline()), &switch)
                .await
                .ok_or(Killed)
        })
        .await;
    assert!(stack.run_worker(HOUR).await.emptied);
    let attempts = tenant.get(&format!("/v1/jobs/{id}/attempts")).await.body;
    let outcomes: Vec<_> =
        attempts["items"].as_array().unwrap().iter().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!(json!(outcomes), json!(["crashed", "completed"]));
}
