//! Cost of usage in calls and capacity units.

use std::time::Instant;

use sim::COUNTER_UPDATE;

use super::*;

async fn gateway_of(stack: &Stack, series: usize) -> Gateway {
    let gateway = Gateway::start().await;
    show(&gateway, series, 0);
    put_source(stack, "kong", kong2(gateway.url())).await;
    gateway
}

fn show(gateway: &Gateway, series: usize, bytes: usize) {
    let line = |n: usize| {
        format!(
            "kong_bandwidth{{service=\"shop-{}\",route=\"route-{n}\",type=\"egress\"}} {}\n",
            n % 7,
            bytes * (n + 1)
        )
    };
    gateway.show((0..series).map(line).collect::<String>());
}

async fn minute(stack: &Stack) {
    next_minute(stack).await;
    stack.check().await.unwrap();
}

/// A minute costs a query of the open hours, and one write unit per series. At the end of an hour,
/// each series costs a transaction of three items.
#[tokio::test]
async fn cost_of_a_minute() {
    let stack = Stack::new().await;
    let gateway = gateway_of(&stack, 10).await;
    stack.aws.reset_ledger();
    minute(&stack).await;
    insta::assert_snapshot!("first_minute", stack.aws.reset_ledger().without(COUNTER_UPDATE));
    for n in 1..59 {
        show(&gateway, 10, n * 123_456);
        minute(&stack).await;
    }
    stack.aws.reset_ledger();
    show(&gateway, 10, 8_000_000);
    minute(&stack).await;
    let ledger = stack.aws.reset_ledger();
    assert_eq!(ledger.count(COUNTER_UPDATE), 7, "a write for each service: {ledger}");
    insta::assert_snapshot!("minute", ledger.without(COUNTER_UPDATE));
    // Usage counted from the hour boundary on belongs to the next hour.
    minute(&stack).await;
    stack.aws.reset_ledger();
    minute(&stack).await;
    stack.aws.reset_ledger();
    for _ in 0..58 {
        minute(&stack).await;
    }
    stack.aws.reset_ledger();
    minute(&stack).await;
    insta::assert_snapshot!("hour_change", stack.aws.reset_ledger().without(COUNTER_UPDATE));
}

/// A month of one series by the hour costs at most four read units.
#[tokio::test(start_paused = true)]
async fn cost_of_charts() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    for n in 0..(31 * 24) {
        let data =
            json!({"service": "s", "route": "r", "type": "egress", "bytes": 123_456_789 + n});
        let event = json!({
            "specversion": "1.0", "type": "tollgate.bandwidth", "source": "x", "id": n.to_string(),
            "data": data,
        });
        assert_eq!(tenant.send(Method::POST, "/v1/usage", Some(event)).await.status, 202);
        tokio::time::sleep(60 * MINUTE).await;
    }
    let mut read = Vec::new();
    for query in [
        "lookback_duration=31d&step=1h",
        "lookback_duration=31d&step=1d",
        "lookback_duration=1h",
        "lookback_duration=1d",
    ] {
        stack.aws.reset_ledger();
        let found = points(&tenant, &format!("type=egress&service=s&route=r&{query}")).await;
        let ledger = stack.aws.reset_ledger();
        let reported = found.iter().filter(|(_, bytes)| bytes.is_some()).count();
        read.push(format!(
            "{query}: {} points, {reported} of them reported, {} calls, {} read units",
            found.len(),
            ledger.calls() - ledger.count(COUNTER_UPDATE),
            ledger.read_units()
        ));
        assert!(ledger.read_units() <= 4.0, "{ledger}");
    }
    insta::assert_debug_snapshot!("charts", read);
}

#[tokio::test(start_paused = true)]
async fn cost_of_reports() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let event = |n: usize| {
        json!({
            "specversion": "1.0", "type": "tollgate.bandwidth", "source": "x", "id": n.to_string(),
            "data": {"service": "s", "route": "r", "type": "egress", "bytes": 7},
        })
    };
    let send = async |body: Value| {
        assert_eq!(tenant.send(Method::POST, "/v1/usage", Some(body)).await.status, 202);
    };
    send(event(0)).await;
    stack.aws.reset_ledger();
    send(event(1)).await;
    insta::assert_snapshot!("report", stack.aws.reset_ledger());
    send(json!((100..200).map(event).collect::<Vec<_>>())).await;
    insta::assert_snapshot!("hundred_reports", stack.aws.reset_ledger());
}

/// A run with 1,000 series. Its cost does not grow with history.
#[tokio::test]
async fn cost_of_1000_series() {
    let stack = Stack::new().await;
    let gateway = gateway_of(&stack, 1000).await;
    let mut calls = Vec::new();
    for n in 0..4 {
        show(&gateway, 1000, n * 1000);
        next_minute(&stack).await;
        stack.aws.reset_ledger();
        let begin = Instant::now();
        stack.check().await.unwrap();
        assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
        let ledger = stack.aws.reset_ledger();
        calls.push((ledger.count("PutItem"), ledger.count("TransactWriteItems"), ledger.calls()));
    }
    assert_eq!(calls[0].1, 1000, "{calls:?}");
    assert!(calls[1] == calls[2] && calls[2] == calls[3] && calls[3].0 == 1000, "{calls:?}");
}
