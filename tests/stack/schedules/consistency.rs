//! A schedule's item and its Scheduler entry stay consistent under concurrent requests.

use std::time::Duration;

use futures::future::join_all;
use http::Method;
use serde_json::json;
use sim::{Fault, Plan, Seed, Stack};

use super::{NIGHTLY, spec};

const ROUNDS: u64 = 25;
/// Concurrent requests per round.
const CONCURRENT_REQUESTS: u64 = 6;

/// Random latency per call, so that calls of concurrent requests interleave in any order.
fn random_latency(seed: Seed) -> Plan {
    Plan::new(move |operation, nth| {
        Fault::Delay(Duration::from_millis(1 + seed.draw(operation, nth) % 200))
    })
}

/// Sends concurrent requests, each a PUT of a different expression or a DELETE.
async fn send_concurrently(stack: &Stack, seed: Seed) -> Vec<u16> {
    let requests = (0..CONCURRENT_REQUESTS).map(async |n| {
        tokio::time::sleep(Duration::from_millis(seed.draw("begin", n) % 300)).await;
        let operator = stack.operator();
        if seed.draw("method", n).is_multiple_of(3) {
            return operator.send(Method::DELETE, NIGHTLY, None).await.status;
        }
        let minutes = json!({"expression": format!("rate({} minutes)", n + 2)});
        operator.send(Method::PUT, NIGHTLY, Some(spec(stack, minutes))).await.status
    });
    join_all(requests).await
}

/// Either item, entry and index entry are all gone, or all exist with the same expression.
async fn assert_consistent(stack: &Stack, about: &str) {
    let item = stack.operator().get(NIGHTLY).await;
    let listed = stack.tenant().get("/v1/schedules").await.body["items"].clone();
    let entries = stack.aws.schedules();
    if item.status == 404 {
        assert_eq!((entries.len(), &listed), (0, &json!([])), "{about}: {entries:?}");
    } else {
        assert_eq!(
            (entries.len(), &listed[0]["name"]),
            (1, &json!("nightly")),
            "{about}: {item:?}"
        );
        assert_eq!(entries[0]["ScheduleExpression"], item.body["expression"], "{about}");
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_puts_and_deletes_stay_consistent() {
    for round in 1..=ROUNDS {
        let (stack, seed) = (Stack::new().await, Seed(round));
        stack.aws.inject(random_latency(seed));
        let statuses = send_concurrently(&stack, seed).await;
        stack.aws.heal();
        assert!(
            statuses.iter().all(|status| [200, 201, 204, 404].contains(status)),
            "{statuses:?}"
        );
        assert_consistent(&stack, &format!("round {round}")).await;
    }
}

/// A request reported as failed may have taken effect fully or in part. A repeat of any of them
/// restores consistency.
#[tokio::test(start_paused = true)]
async fn repeat_after_faults_restores_consistency() {
    for round in 1..=ROUNDS {
        let (stack, seed) = (Stack::new().await, Seed(round));
        let late = Plan::new(move |operation, nth| match seed.draw(operation, nth) % 20 {
            0 => Fault::Late(Duration::from_millis(seed.draw(operation, nth) % 5000)),
            _ => Fault::None,
        });
        stack.aws.inject(late.or(Plan::seeded(seed, 15)).or(random_latency(seed)));
        send_concurrently(&stack, seed).await;
        assert!(stack.aws.heal() > 0);
        tokio::time::sleep(Duration::from_secs(10)).await;
        let repeat = if round.is_multiple_of(2) { Method::DELETE } else { Method::PUT };
        stack.operator().send(repeat, NIGHTLY, Some(spec(&stack, json!({})))).await;
        assert_consistent(&stack, &format!("round {round}")).await;
    }
}
