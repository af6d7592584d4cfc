//! Functions that are frozen after each response and end when idle, as on Lambda: every request
//! is counted.
//!
//! The test needs a stack whose functions are frozen; `infra/local/freezer.py` has the modes:
//! `TOLLGATE_FREEZE=response python3 -m infra.local up --port 0 --temporary --` and `cargo test
//! --workspace --features tests/e2e --test freeze`.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use live_stack::{JOB_TIMEOUT, Stack, stack};
use reqwest::Method;
use serde_json::{Value, json};

const CLIENTS: usize = 20;
const REQUESTS: usize = 1000;
/// How long clients send requests.
const SPAN: Duration = Duration::from_secs(5);

/// Samples of the metrics page, by series.
async fn metrics(stack: &Stack) -> BTreeMap<String, f64> {
    let page = stack.operate(Method::GET, "/metrics", None).await;
    assert_eq!(page.status, 200, "{page:?}");
    let lines = page.body.as_str().unwrap().lines().filter(|line| !line.starts_with('#'));
    let samples = lines.filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        Some((series.to_owned(), value.parse().ok()?))
    });
    samples.collect()
}

/// Maximum time between a response and the flush that follows it.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// Sum of the jobs in the throughput items.
async fn jobs_in_rates(stack: &Stack) -> u64 {
    let client = stack.aws().dynamodb();
    let scan = client.scan().table_name(&stack.table).filter_expression("begins_with(pk, :rate)");
    let rate = aws_sdk_dynamodb::types::AttributeValue::S("RATE#".to_owned());
    let scan = scan.expression_attribute_values(":rate", rate).into_paginator().items().send();
    let items: Vec<_> = scan.collect::<Result<_, _>>().await.unwrap();
    let seconds = items.iter().filter_map(|item| item["jobs"].as_l().ok()).flatten();
    seconds.map(|count| count.as_n().unwrap().parse::<u64>().unwrap()).sum()
}

/// Twenty clients send a thousand requests, evenly over five seconds, or as fast as the machine
/// can.
async fn send_all(wanted: u16, request: impl AsyncFn(usize) -> u16) -> Duration {
    let begun = Instant::now();
    let clients = (0..CLIENTS).map(async |client| {
        for nth in 0..REQUESTS / CLIENTS {
            let at = SPAN.mul_f64((nth * CLIENTS) as f64 / REQUESTS as f64);
            tokio::time::sleep_until((begun + at).into()).await;
            assert_eq!(request(client * REQUESTS + nth).await, wanted);
        }
    });
    futures::future::join_all(clients).await;
    begun.elapsed()
}

#[tokio::test]
async fn a_thousand_jobs_are_counted_exactly() {
    let stack = stack();
    let kind = json!({"schema": {}, "target": {"type": "echo"}});
    assert_eq!(stack.operate(Method::PUT, "/v1/kinds/frozen", Some(kind)).await.status, 201);
    let (before, rated) = (metrics(stack).await, jobs_in_rates(stack).await);
    let took = send_all(202, async |nth| {
        let job = json!({"kind": "frozen", "payload": nth});
        stack.send(Method::POST, "/v1/jobs", &[], Some(job)).await.status
    })
    .await;
    println!("{REQUESTS} jobs took {took:?}");
    // An extension flushes after the response, so the last counts appear later.
    let series = [
        r#"tollgate_jobs_accepted_total{kind="frozen"}"#,
        r#"tollgate_requests_total{method="POST",route="/v1/jobs",status="202"}"#,
    ];
    let until = Instant::now() + FLUSH_TIMEOUT;
    loop {
        let (after, rates) = (metrics(stack).await, jobs_in_rates(stack).await - rated);
        let grown =
            series.map(|name| after.get(name).unwrap_or(&0.0) - before.get(name).unwrap_or(&0.0));
        if grown == [1000.0; 2] && rates == 1000 {
            return;
        }
        assert!(Instant::now() < until, "{grown:?} counted of 1000, {rates} in rates");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Counts of reads are written late, at the latest when their process ends. A crash prevents
/// that.
#[tokio::test]
async fn a_thousand_queries_are_counted_unless_processes_crash() {
    let stack = stack();
    // Nothing else requests schedules, so that no earlier counts are pending.
    let series = r#"tollgate_requests_total{method="GET",route="/v1/schedules",status="200"}"#;
    let counted = async || metrics(stack).await.get(series).copied().unwrap_or_default();
    let before = counted().await;
    send_all(200, async |_| stack.send(Method::GET, "/v1/schedules", &[], None).await.status).await;
    let begun = Instant::now();
    let is_exact = std::env::var("TOLLGATE_FREEZE").is_ok_and(|mode| mode != "crashes");
    loop {
        let grown = counted().await - before;
        assert!(grown <= 1000.0, "{grown}");
        if grown == 1000.0 || !is_exact {
            return;
        }
        assert!(begun.elapsed() < JOB_TIMEOUT, "{grown}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test]
async fn a_thousand_reports_fill_a_quota_exactly() {
    let stack = stack();
    let account = &stack.tenant_account;
    let quota = json!({
        "limit_bytes": 1_000_000, "type": "egress", "service": "frozen",
        "account": account, "period": "month",
        "recipients": ["ops@example.com"],
    });
    assert_eq!(stack.operate(Method::PUT, "/v1/quotas/frozen", Some(quota)).await.status, 201);
    send_all(202, async |nth| {
        let data = json!({"service": "frozen", "route": "/", "type": "egress", "bytes": 1});
        let event = json!({
            "specversion": "1.0", "type": "tollgate.bandwidth", "source": "/",
            "id": nth.to_string(), "data": data,
        });
        stack.send(Method::POST, "/v1/usage", &[], Some(event)).await.status
    })
    .await;
    let used =
        async || stack.operate(Method::GET, "/v1/quotas/frozen", None).await.body["used"].clone();
    // Wait for the next minute tick, or the one after it if that has begun already.
    let (begun, patience) = (Instant::now(), JOB_TIMEOUT * 3);
    while used().await != json!(1000) {
        let now: Value = used().await;
        assert!(begun.elapsed() < patience && now.as_u64().unwrap_or_default() <= 1000, "{now}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
