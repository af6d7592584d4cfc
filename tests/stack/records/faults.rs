//! Killed workers and failing calls: every job's activities are applied exactly once.

use serde_json::json;
use sim::{Delivery, EventSource, Fault, JOBS, KillSwitch, Killed, Plan, run_until_killed};

use super::{HOUR, delete_user, insert_user, rows, run, stack, submit};

/// The worker dies at each of its calls in turn, before and after the effect. A second application
/// would fail at the insert.
#[tokio::test(start_paused = true)]
async fn killed_worker_applies_activities_once() {
    let mut died = 0;
    for nth in 1..=5 {
        for switch in [KillSwitch::before(nth), KillSwitch::after(nth)] {
            let stack = stack().await;
            let tenant = stack.tenant();
            let id = submit(&tenant, &[insert_user(1, "Ada"), delete_user(2)]).await;
            let worker = stack.worker();
            let delivery = EventSource::new(&stack.aws, JOBS, 10)
                .deliver_once(async |event| {
                    let work = worker.handle(event, "dies", stack.deadline());
                    run_until_killed(work, &switch).await.ok_or(Killed)
                })
                .await;
            died += usize::from(matches!(delivery, Delivery::Failed { .. }));
            assert!(stack.run_worker(HOUR).await.emptied, "call {nth}");
            let job = tenant.job(&id).await.body;
            assert_eq!(
                (&job["status"], &job["result"]),
                (&json!("completed"), &json!({"inserted": 1, "deleted": 1})),
                "call {nth}: {job}"
            );
            assert_eq!(rows(&tenant, "users").await.as_array().unwrap().len(), 1);
        }
    }
    assert!(
        died >= 10,
        "kind, account, claim, transaction and end are five calls; only {died} deaths"
    );
}

#[tokio::test(start_paused = true)]
async fn late_retry_undoes_nothing() {
    let stack = stack().await;
    let tenant = stack.tenant();
    let first = submit(&tenant, &[insert_user(1, "Ada")]).await;
    let worker = stack.worker();
    // Kind, account, claim, and the transaction, whose response is lost.
    let switch = KillSwitch::after(4);
    EventSource::new(&stack.aws, JOBS, 10)
        .deliver_once(async |event| {
            run_until_killed(worker.handle(event, "dies", stack.deadline()), &switch)
                .await
                .ok_or(Killed)
        })
        .await;
    assert_eq!(rows(&tenant, "users").await.as_array().unwrap().len(), 1);
    assert_eq!(run(&stack, &[delete_user(1)]).await["status"], "completed");
    assert!(stack.run_worker(HOUR).await.emptied);
    let job = tenant.job(&first).await.body;
    assert_eq!((&job["status"], &job["attempts"]), (&json!("completed"), &json!(2)), "{job}");
    assert_eq!(rows(&tenant, "users").await, json!([]));
}

#[tokio::test(start_paused = true)]
async fn lost_and_refused_calls_are_retried() {
    for (fault, nth, attempts) in [
        (Fault::After, 1, 1),
        (Fault::Before, 1, 1),
        (Fault::Twice, 1, 1),
        (Fault::Throttle, 1, 1),
        // More failures than the SDK retries.
        (Fault::After, 3, 2),
        (Fault::Throttle, 3, 2),
    ] {
        let stack = stack().await;
        let tenant = stack.tenant();
        let id = submit(&tenant, &[insert_user(1, "Ada"), insert_user(2, "Grace")]).await;
        stack.aws.inject(Plan::new(move |operation, count| {
            if operation == "TransactWriteItems" && count <= nth { fault } else { Fault::None }
        }));
        assert!(stack.run_worker(HOUR).await.emptied);
        assert_eq!(stack.aws.heal(), nth, "{fault:?}");
        let job = tenant.job(&id).await.body;
        assert_eq!(
            (&job["status"], &job["attempts"]),
            (&json!("completed"), &json!(attempts)),
            "{fault:?} {nth}: {job}"
        );
        assert_eq!(rows(&tenant, "users").await.as_array().unwrap().len(), 2);
    }
}
