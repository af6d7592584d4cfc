//! Guarantees of the worker: every job ends exactly once, whatever happens to workers and messages.

use std::time::Duration;

use model::job::EndedBy;
use serde_json::json;
use sim::{
    DEAD_LETTERS, Delivery, EventSource, JOBS, KillSwitch, Killed, Options, Stack, run_until_killed,
};
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
async fn job_that_kills_every_worker_fails() {
    let stack = Stack::new().await;
    stack
        .define(
            "deadly",
            json!({"schema": {}, "target": {"type": "echo"}, "retry": {"max_attempts": 3}}),
        )
        .await;
    let tenant = stack.tenant();
    let id = tenant.submit("deadly", json!(1)).await.id().to_owned();
    let source = EventSource::new(&stack.aws, JOBS, 10);
    let worker = stack.worker();
    let run = source
        .run_until_idle(HOUR, async |event| {
            // The claim succeeds, and no later call does.
            let switch = KillSwitch::after(3);
            run_until_killed(worker.handle(event, "dies", stack.deadline()), &switch)
                .await
                .ok_or(Killed)
        })
        .await;
    assert!(run.deliveries.len() >= 3, "{run:?}");
    assert!(stack.run_worker(HOUR).await.emptied);
    let job = tenant.job(&id).await.body;
    assert_eq!(
        (&job["status"], &job["attempts"], &job["error"]["code"]),
        (&json!("failed"), &json!(3), &json!("worker-crashed"))
    );
}

#[tokio::test(start_paused = true)]
async fn dead_letters_end_as_failed_jobs() {
    let stack = Stack::with(Options { max_receives: 2, ..Options::default() }).await;
    let tenant = stack.tenant();
    let id = tenant.submit("echo", json!(1)).await.id().to_owned();
    let source = EventSource::new(&stack.aws, JOBS, 10);
    let run = source.run_until_idle(HOUR, async |_| Err("out of order")).await;
    assert!(run.emptied, "{run:?}");
    assert_eq!(stack.aws.messages(DEAD_LETTERS).len(), 1);
    assert_eq!(tenant.job(&id).await.body["status"], "queued");

    let worker = stack.worker();
    let dead = EventSource::new(&stack.aws, DEAD_LETTERS, 10);
    let run = dead
        .run_until_idle(HOUR, async |event| {
            Ok::<_, String>(worker.handle(event, "run", stack.deadline()).await)
        })
        .await;
    assert!(run.emptied, "{run:?}");
    let job = tenant.job(&id).await.body;
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("failed"), &json!("worker-crashed"))
    );
}

/// The dead letter waits until the lease ends, because the worker may still be running.
#[tokio::test(start_paused = true)]
async fn dead_letter_of_a_running_job_waits_for_its_lease() {
    let stack = Stack::with(Options { max_receives: 2, ..Options::default() }).await;
    let tenant = stack.tenant();
    let id = tenant.submit("echo", json!(1)).await.id().to_owned();
    let jobs = store::JobStore::new(store::Table::new(stack.aws.dynamodb(), sim::TABLE));
    let until = stack.now() + HOUR;
    let claim =
        jobs.claim(stack.tenant_account(), id.parse().unwrap(), "alive", stack.now(), until, None);
    assert!(matches!(claim.await.unwrap(), store::ClaimResult::Claimed(_)));
    EventSource::new(&stack.aws, JOBS, 10)
        .run_until_idle(HOUR / 2, async |_| Err("out of order"))
        .await;
    assert_eq!(stack.aws.messages(DEAD_LETTERS).len(), 1);
    stack.aws.reset_ledger();

    let worker = stack.worker();
    let run = EventSource::new(&stack.aws, DEAD_LETTERS, 10)
        .run_until_idle(3 * HOUR, async |event| {
            Ok::<_, String>(worker.handle(event, "run", stack.deadline()).await)
        })
        .await;
    assert!(run.emptied && stack.now() >= until, "{run:?}");
    assert!(stack.aws.ledger().count("ChangeMessageVisibilityBatch") > 0);
    assert_eq!(tenant.job(&id).await.body["error"]["code"], "worker-crashed");
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
