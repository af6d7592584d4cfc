//! Collected usage equals the actual traffic.

mod script;

use sim::{Fault, Plan, Stack};

use super::*;

/// Whatever fails in a run, and however often it is repeated: traffic is counted once, in that
/// minute or a later one.
#[tokio::test]
async fn faulty_run_loses_and_repeats_nothing() {
    let once = [Fault::Before, Fault::After, Fault::Throttle, Fault::Twice].into_iter().flat_map(
        |fault| ["Query", "PutItem", "TransactWriteItems"].map(|operation| (operation, fault, 1)),
    );
    let all = [
        ("PutItem", Fault::Before, 99),
        ("UpdateItem", Fault::Before, 99),
        ("TransactWriteItems", Fault::After, 99),
    ];
    for (operation, fault, last) in once.chain(all) {
        let counted = counted_with_fault(operation, fault, last).await;
        assert_eq!(counted, [5, 500, 50], "{operation} {fault:?} 1–{last}");
    }
}

/// Counts three routes for six minutes over an hour boundary. In four of these minutes, an
/// operation fails on its first `last` calls.
async fn counted_with_fault(operation: &'static str, fault: Fault, last: u64) -> [u64; 3] {
    let stack = Stack::new().await;
    let gateway = Gateway::start().await;
    put_source(&stack, "kong", kong2(gateway.url())).await;
    advance(57 * MINUTE).await;
    for minute in 0..6u64 {
        let line = |route: &str, bytes: u64| {
            format!("kong_bandwidth{{type=\"egress\",service=\"s\",route=\"{route}\"}} {bytes}\n")
        };
        let late = if minute >= 2 { line("late", 10 * minute) } else { String::new() };
        gateway.show(line("a", 1000 + minute) + &line("b", 100 * minute) + &late);
        next_minute(&stack).await;
        if [0, 5].contains(&minute) {
            stack.check().await.unwrap();
            continue;
        }
        stack.aws.inject(Plan::new(move |name, n| {
            if name == operation && (1..=last).contains(&n) { fault } else { Fault::None }
        }));
        let _ = stack.check().await;
        stack.aws.heal();
        // Lambda repeats failed invocations, here every other minute.
        if minute % 2 == 0 {
            let _ = stack.check().await;
        }
    }
    let sum = async |route: &str| {
        let query =
            format!("type=egress&service=s&route={route}&from=2026-11-20T16:00:00Z&step=1h");
        points(&stack.operator(), &query).await.iter().filter_map(|(_, bytes)| *bytes).sum::<u64>()
    };
    [sum("a").await, sum("b").await, sum("late").await]
}

/// A counter that could not be parsed for a while is not a new counter.
#[tokio::test]
async fn unparsable_counter_is_not_a_new_counter() {
    let stack = Stack::new().await;
    let gateway = Gateway::start().await;
    put_source(&stack, "kong", kong2(gateway.url())).await;
    for value in ["NaN", "NaN", "5000", "5003", "-1", "5010"] {
        gateway.show(format!("kong_bandwidth{{type=\"egress\",service=\"s\"}} {value}\n"));
        next_minute(&stack).await;
        stack.check().await.unwrap();
    }
    let query = "from=2026-11-20T16:00:00Z&to=2026-11-20T16:06:00Z";
    let found: Vec<_> =
        points(&stack.operator(), query).await.into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(found, [None, None, None, Some(3), None, Some(7)]);
}

/// The points and warnings of one series with these samples, minute by minute.
async fn points_of_samples(minutes: &[&[(&str, &str)]]) -> Vec<(Option<u64>, Value)> {
    let stack = Stack::new().await;
    let gateway = Gateway::start().await;
    let spec = json!({"type": "prometheus", "url": gateway.url(), "preset": "kong3"});
    put_source(&stack, "kong", spec).await;
    let mut warnings = Vec::new();
    for samples in minutes {
        let line = |(consumer, value): &(&str, &str)| {
            format!(
                "kong_bandwidth_bytes{{direction=\"egress\",service=\"s\",\
                 consumer=\"{consumer}\"}} {value}\n"
            )
        };
        let page: String = samples.iter().map(line).collect();
        gateway.show(format!("# TYPE kong_bandwidth_bytes counter\n{page}"));
        next_minute(&stack).await;
        stack.check().await.unwrap();
        warnings.push(source(&stack, "kong").await["last_warning"].clone());
    }
    let found = points(&stack.operator(), "from=2026-11-20T16:00:00Z&service=s").await;
    found.into_iter().map(|(_, bytes)| bytes).zip(warnings).collect()
}

/// If one consumer's counter is unreadable or gone, the counters of the others must not be counted
/// again from zero.
#[tokio::test]
async fn sum_of_samples_counts_only_if_complete() {
    let counted = points_of_samples(&[
        &[("a", "100"), ("b", "1000")],
        &[("a", "110"), ("b", "1000")],
        &[("a", "NaN"), ("b", "1005")],
        &[("a", "120"), ("b", "1010")],
        // An unparsable line may belong to any series.
        &[("a", "120"), ("b", "")],
        &[("a", "121"), ("b", "1010")],
        // One sample disappears, and the others continue.
        &[("b", "1011")],
        &[("b", "1013")],
        &[("b", "1013"), ("c", "4")],
        // The gateway restarted.
        &[("b", "2"), ("c", "1")],
    ])
    .await;
    insta::assert_debug_snapshot!("sums", counted);
}

/// A counter on a page that had no such metric before may be as old as the gateway, so it doesn't
/// count from zero.
#[tokio::test]
async fn counter_of_an_unknown_metric_is_not_a_new_counter() {
    for (before, counted) in [
        ("kong_other 1\n", [None, None, Some(3)]),
        ("# TYPE kong_bandwidth_total counter\nkong_other 1\n", [None, None, Some(3)]),
        ("# TYPE kong_bandwidth counter\nkong_other 1\n", [None, Some(5000), Some(3)]),
    ] {
        let stack = Stack::new().await;
        let gateway = Gateway::start().await;
        put_source(&stack, "kong", kong2(gateway.url())).await;
        let sample =
            |value: u64| format!("kong_bandwidth{{type=\"egress\",service=\"s\"}} {value}\n");
        for page in [before.to_owned(), sample(5000), sample(5003)] {
            gateway.show(page);
            next_minute(&stack).await;
            stack.check().await.unwrap();
        }
        let found =
            points(&stack.operator(), "from=2026-11-20T16:00:00Z&to=2026-11-20T16:03:00Z").await;
        let found: Vec<_> = found.into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(found, counted, "{before}");
    }
}
