//! 500 events a second into one account, in real time; don't run other tests in parallel. Asserts
//! that none fails, and prints the response times:
//!
//! `cargo test -p tests --test stack events::load -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use serde_json::json;
use sim::Stack;

use super::{Subscriber, publish};

const EVENTS: u32 = 5000;

#[tokio::test]
#[ignore = "in real time: run it alone"]
async fn accepts_500_events_a_second() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    publish(&tenant, account, json!("first")).await;
    let begun = Instant::now();
    let published = (0..EVENTS).map(|n| {
        let tenant = &tenant;
        async move {
            tokio::time::sleep_until((begun + Duration::from_millis(2) * n).into()).await;
            let asked = Instant::now();
            let answer = publish(tenant, account, json!(n)).await;
            assert_eq!(answer.status, 202, "{answer:?}");
            asked.elapsed()
        }
    });
    let mut took = futures::future::join_all(published).await;
    let all = begun.elapsed();
    took.sort();
    let at = |part: usize| took[(took.len() - 1) * part / 100];
    println!(
        "{EVENTS} events in {all:?}, {:.0} a second; \
         answered in {:?} at the median, {:?} at the 99th percentile",
        f64::from(EVENTS) / all.as_secs_f64(),
        at(50),
        at(99),
    );
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut subscriber = Subscriber::default();
    while subscriber.read(&tenant, "limit=100").await > 0 {}
    assert_eq!(subscriber.received.len(), EVENTS as usize + 1);
}
