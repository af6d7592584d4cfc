//! What a check costs: by what changed, and not by what was.

use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use http::Method;
use serde_json::json;
use sim::Stack;

use super::used::{MINUTE, count, mailed};

const SERIES: usize = 1000;
const QUOTAS: usize = 200;

/// A thousand series of fifty services, and two hundred quotas: on each service one by the hour, one by the day and two by the month.
async fn large() -> Stack {
    let stack = Stack::new().await;
    let operator = stack.operator();
    let put = |n: usize| {
        let (operator, account) = (&operator, stack.tenant_account());
        async move {
            let period = ["hour", "day", "month", "month"][n / 50];
            let body = json!({
                "limit_bytes": 1_000_000, "type": "egress", "service": format!("s{}", n % 50), "account": account,
                "period": period, "timezone": "Europe/Berlin", "recipients": ["ops@example.com"],
            });
            let answer = operator.send(Method::PUT, &format!("/v1/quotas/q{n}"), Some(body)).await;
            assert_eq!(answer.status, 201, "{answer:?}");
        }
    };
    stream::iter(0..QUOTAS).map(put).buffer_unordered(10).collect::<Vec<_>>().await;
    report(&stack, 0..SERIES, 100).await;
    stack
}

async fn report(stack: &Stack, series: std::ops::Range<usize>, total: u64) {
    for n in series {
        let series = format!("{}#egress#s{}#r{}", stack.tenant_account(), n % 50, n / 50);
        count(stack, &series, total, total / 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_minute_follows_what_changed() {
    let stack = large().await;
    let mut shown = Vec::new();
    let mut check = async |about: &str| {
        stack.aws.reset_ledger();
        let begun = Instant::now();
        stack.check().await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(10), "{about} took {:?}", begun.elapsed());
        shown.push(format!("{about}\n{}", stack.aws.reset_ledger()));
        tokio::time::sleep(MINUTE).await;
    };
    check("all quotas are new").await;
    check("nothing changed").await;
    report(&stack, 0..1, 200).await;
    check("one series of four quotas").await;
    report(&stack, 0..50, 300).await;
    check("a series of each service").await;
    // The hour turns, and every quota of an hour begins anew.
    tokio::time::sleep(MINUTE * 60).await;
    check("fifty quotas begin a period").await;
    report(&stack, 0..SERIES, 1_000_000).await;
    check("all are used up").await;
    assert_eq!(mailed(&stack).len(), QUOTAS);
    check("nothing changed again").await;
    insta::assert_snapshot!(shown.join("\n\n"));
}
