//! Cost of a check: it depends on what changed, and not on history.

use std::time::Duration;

use futures::{StreamExt, stream};
use http::Method;
use serde_json::json;
use sim::Stack;

use super::evaluation::{MINUTE, mailed_thresholds, put_open_hour};

const SERIES: usize = 1000;
const QUOTAS: usize = 200;

/// 1,000 series of 50 services, and 200 quotas: for each service one hourly, one daily and two
/// monthly ones.
async fn large_stack() -> Stack {
    let stack = Stack::new().await;
    let operator = stack.operator();
    let put = |n: usize| {
        let (operator, account) = (&operator, stack.tenant_account());
        async move {
            let period = ["hour", "day", "month", "month"][n / 50];
            let body = json!({
                "limit_bytes": 1_000_000, "type": "egress", "service": format!("s{}", n % 50),
                "account": account, "period": period, "timezone": "Europe/Berlin",
                "recipients": ["ops@example.com"],
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
        put_open_hour(stack, &series, total, total / 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn cost_of_a_check_depends_on_changes() {
    let stack = large_stack().await;
    let mut shown = Vec::new();
    let mut check = async |about: &str| {
        stack.aws.reset_ledger();
        stack.check().await.unwrap();
        shown.push(format!("{about}\n{}", stack.aws.reset_ledger()));
        tokio::time::sleep(MINUTE).await;
    };
    check("all quotas are new").await;
    check("nothing changed").await;
    report(&stack, 0..1, 200).await;
    check("one series of four quotas").await;
    report(&stack, 0..10, 250).await;
    check("ten of a thousand series").await;
    report(&stack, 0..50, 300).await;
    check("a series of each service").await;
    // The hour ends, and every hourly quota starts a new period.
    tokio::time::sleep(MINUTE * 60).await;
    check("fifty quotas begin a period").await;
    report(&stack, 0..SERIES, 1_000_000).await;
    check("all are used up").await;
    assert_eq!(mailed_thresholds(&stack).len(), QUOTAS);
    check("nothing changed again").await;
    insta::assert_snapshot!(shown.join("\n\n"));
}

/// A check near the end of a month costs the same as on the second day, because it reads current
/// state and no history.
#[tokio::test(start_paused = true)]
async fn cost_of_a_check_is_independent_of_history() {
    let stack = Stack::new().await;
    let (operator, tenant) = (stack.operator(), stack.tenant());
    for period in ["hour", "day", "month"] {
        let body = json!({
            "limit_bytes": 1_000_000_000, "type": "egress", "account": stack.tenant_account(),
            "period": period, "recipients": ["ops@example.com"],
        });
        let path = format!("/v1/quotas/{period}");
        assert_eq!(operator.send(Method::PUT, &path, Some(body)).await.status, 201);
    }
    // Until the second hour of a month.
    tokio::time::sleep(Duration::from_secs((10 * 24 + 8 + 1) * 3600)).await;
    assert!(stack.now().to_string().starts_with("2026-12-01T01"));
    let reported = async |hour: u32| {
        for n in 0..5 {
            let data =
                json!({"service": "s", "route": n.to_string(), "type": "egress", "bytes": 1000});
            let event = json!({
                "specversion": "1.0", "type": "tollgate.bandwidth", "source": "x",
                "id": format!("{hour}/{n}"), "data": data,
            });
            assert_eq!(tenant.send(Method::POST, "/v1/usage", Some(event)).await.status, 202);
        }
        stack.aws.reset_ledger();
        stack.check().await.unwrap();
        stack.aws.reset_ledger()
    };
    // Hourly around the compared checks, else every eighth hour.
    let hours = (0..=36).chain((44..=636).step_by(8)).chain(637..=684);
    let (mut second_day, mut last_day, mut before) = (None, None, 0);
    for hour in hours {
        tokio::time::sleep(MINUTE * 60 * (hour - before)).await;
        before = hour;
        let ledger = reported(hour).await;
        match hour {
            36 => second_day = Some(ledger),
            684 => last_day = Some(ledger),
            _ => {}
        }
    }
    let (second_day, last_day) = (second_day.unwrap(), last_day.unwrap());
    // Three for usage and quotas. At the end of an hour also two cursors for each of eight shards,
    // and one for the recovery scan.
    assert_eq!(second_day.count("PutItem"), 3 + 2 * 8 + 1);
    let calls =
        |ledger: &sim::Ledger| ["PutItem", "Query", "GetItem"].map(|name| ledger.count(name));
    assert_eq!(calls(&second_day), calls(&last_day), "{second_day}\n{last_day}");
    assert!(last_day.read_units() <= second_day.read_units() + 0.5, "{second_day}\n{last_day}");
}
