//! Workers that die, and outages.

use serde_json::{Value, json};
use sim::{Delivery, EventSource, Fault, JOBS, KillSwitch, Killed, Plan, Stack, run_until_killed};

use super::{HOUR, jobs};
use crate::schedules::put;

/// The worker dies at each of its calls in turn, before and after the effect. Ordered kinds need
/// exactly one permit per job.
#[tokio::test(start_paused = true)]
async fn killed_worker_still_creates_one_job() {
    for (discipline, payload) in
        [("standard", json!(1)), ("standard", json!("x".repeat(5000))), ("lifo", json!(1))]
    {
        let mut nth = 0;
        while dies_at(nth + 1, discipline, &payload).await {
            nth += 1;
        }
        assert!(nth > 4, "{discipline}: it makes more calls than {nth}");
    }
}

/// Returns whether the worker makes enough calls to be killed at the nth.
async fn dies_at(nth: u64, discipline: &str, payload: &Value) -> bool {
    let mut died = false;
    for (name, switch) in [("before", KillSwitch::before(nth)), ("after", KillSwitch::after(nth))] {
        let stack = Stack::new().await;
        let about = format!("{discipline}, {name} call {nth}");
        let kind = json!({"schema": {}, "target": {"type": "echo"}, "discipline": discipline});
        stack.define("deadly", kind).await;
        put(
            &stack,
            json!({"expression": "rate(1 day)", "job": {"kind": "deadly", "payload": payload}}),
        )
        .await;
        tokio::time::sleep(24 * HOUR).await;
        stack.aws.fire_due_schedules();
        let worker = stack.worker();
        let delivery = EventSource::new(&stack.aws, JOBS, 10)
            .deliver_once(async |event| {
                let work = worker.handle(event, "dies", stack.deadline());
                run_until_killed(work, &switch).await.ok_or(Killed)
            })
            .await;
        assert!(stack.run_worker(HOUR).await.emptied, "{about}");
        let made = jobs(&stack).await;
        assert_eq!((made.len(), &made[0]["status"]), (1, &json!("completed")), "{about}");
        died = matches!(delivery, Delivery::Failed { .. });
    }
    died
}

#[tokio::test(start_paused = true)]
async fn outage_delays_a_job_without_losing_it() {
    for operation in ["GetItem", "PutItem", "SendMessageBatch", "DeleteMessageBatch"] {
        for fault in [Fault::Before, Fault::After, Fault::Throttle, Fault::Twice] {
            let stack = Stack::new().await;
            put(&stack, json!({"expression": "rate(1 day)"})).await;
            tokio::time::sleep(24 * HOUR).await;
            let broken = Plan::new(
                move |name, n| if name == operation && n <= 8 { fault } else { Fault::None },
            );
            stack.aws.inject(broken);
            assert!(stack.run_worker(HOUR).await.emptied, "{operation} {fault:?}");
            stack.aws.heal();
            let made = jobs(&stack).await;
            assert_eq!(
                (made.len(), &made[0]["status"]),
                (1, &json!("completed")),
                "{operation} {fault:?}"
            );
        }
    }
}
