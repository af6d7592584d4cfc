//! Dead letters, and jobs that kill their workers.

use serde_json::json;
use sim::{DEAD_LETTERS, EventSource, JOBS, KillSwitch, Killed, Options, Stack, run_until_killed};

use super::HOUR;

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
