//! CloudWatch metrics as sources.

use sim::{Fault, Plan};

use super::*;

const API: (&str, &str) = ("AWS/ApiGateway", "DataProcessed");

async fn put(stack: &Stack, name: &str, namespace: &str) {
    let spec = json!({
        "type": "cloudwatch", "namespace": namespace, "metric_name": API.1,
        "dimensions": {"ApiId": name, "Stage": "live"},
        "as": {"type": "egress", "service": "api", "route": name},
    });
    put_source(stack, name, spec).await;
}

/// Data points are three minutes late, some minutes have none, and each run is repeated: each
/// minute counts once.
#[tokio::test(start_paused = true)]
async fn each_minute_counts_once() {
    let stack = Stack::new().await;
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        put(&stack, name, API.0).await;
    }
    let start = stack.now().millis() / 1000;
    let mut asked = 0;
    for minute in 0..130i64 {
        tokio::time::sleep(MINUTE).await;
        for (nth, name) in names.iter().enumerate() {
            let dimensions = [("Stage", "live"), ("ApiId", *name)];
            // One metric has points in every other minute only, and one only after 100 minutes.
            let is_quiet = nth == 1 && minute % 2 == 0 || nth == 2 && minute < 100;
            if !is_quiet {
                let sum = 1000.9 + minute as f64;
                stack.aws.put_metric(API.0, API.1, &dimensions, start + 60 * minute, sum);
            }
        }
        stack.aws.reset_ledger();
        if (60..70).contains(&minute) {
            // No check runs for ten minutes.
            continue;
        }
        stack.check().await.unwrap();
        asked = stack.aws.ledger().count("GetMetricData");
        stack.check().await.unwrap();
    }
    assert_eq!(asked, 2, "one query with two pages of results");
    // Counting begins three minutes before the first run, and ends three minutes before the last.
    let sum = |of: &dyn Fn(i64) -> bool| {
        (0..127).filter(|minute| of(*minute)).map(|minute| 1000 + minute).sum::<i64>()
    };
    for (name, wanted) in [
        ("a", sum(&|_| true)),
        ("b", sum(&|minute| minute % 2 == 1)),
        ("c", sum(&|minute| minute >= 100)),
    ] {
        let query = format!("type=egress&service=api&route={name}&lookback_duration=3h&step=1m");
        let found = points(&stack.operator(), &query).await;
        let counted: u64 = found.iter().filter_map(|(_, bytes)| *bytes).sum();
        assert_eq!(i64::try_from(counted).unwrap(), wanted, "{name}");
        assert!(
            found.iter().any(|(time, bytes)| time == "17:05" && (bytes.is_some() || name != "a"))
        );
        assert_eq!(source(&stack, name).await["last_error"], Value::Null);
    }
}

#[tokio::test(start_paused = true)]
async fn refused_metric_does_not_affect_others() {
    let stack = Stack::new().await;
    put(&stack, "good", API.0).await;
    put(&stack, "bad", "Refused").await;
    let start = stack.now().millis() / 1000;
    for minute in 0..6 {
        tokio::time::sleep(MINUTE).await;
        stack.aws.put_metric(
            API.0,
            API.1,
            &[("ApiId", "good"), ("Stage", "live")],
            start + 60 * minute,
            5.0,
        );
        stack.check().await.unwrap();
    }
    let counted = points(&stack.operator(), "lookback_duration=1h&step=1h&route=good").await;
    assert_eq!(counted.iter().filter_map(|(_, bytes)| *bytes).sum::<u64>(), 15);
    assert_eq!(source(&stack, "bad").await["last_error"], "CloudWatch returned no data");
    assert_eq!(source(&stack, "good").await["last_error"], Value::Null);
}

/// Three hours without a check, or with CloudWatch unavailable, over hour boundaries and midnight:
/// every minute is counted later.
#[tokio::test(start_paused = true)]
async fn outage_of_3_hours_is_caught_up() {
    for is_down in [false, true] {
        let stack = Stack::new().await;
        tokio::time::sleep(370 * MINUTE).await;
        put(&stack, "a", API.0).await;
        let start = stack.now().millis() / 1000;
        for minute in 0..200i64 {
            tokio::time::sleep(MINUTE).await;
            let dimensions = [("Stage", "live"), ("ApiId", "a")];
            stack.aws.put_metric(
                API.0,
                API.1,
                &dimensions,
                start + 60 * minute,
                1000.0 + minute as f64,
            );
            let is_away = (5..185).contains(&minute);
            if is_away && is_down {
                stack.aws.inject(Plan::always("GetMetricData", Fault::Before));
            } else {
                stack.aws.heal();
            }
            if !is_away || is_down {
                stack.check().await.unwrap();
            }
        }
        assert_eq!(source(&stack, "a").await["last_error"], Value::Null);
        let found =
            points(&stack.operator(), "from=2026-11-20T22:10:00Z&to=2026-11-21T01:30:00Z&step=1m")
                .await;
        let truth: Vec<_> =
            (0..200).map(|minute| (minute < 197).then_some(1000 + minute)).collect();
        let counted: Vec<_> = found.into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(counted, truth, "down: {is_down}");
        let hours = points(&stack.operator(), "from=2026-11-20T22:00:00Z&step=1h").await;
        let sum = hours.iter().filter_map(|(_, bytes)| *bytes).sum::<u64>();
        assert_eq!(sum, truth.iter().flatten().sum::<u64>(), "down: {is_down}");
    }
}

/// Finding the metrics that CloudWatch refuses takes a few more calls, but not one per metric. The
/// other metrics lose no data.
#[tokio::test(start_paused = true)]
async fn refused_metrics_are_found_in_few_calls() {
    let stack = Stack::new().await;
    let names: Vec<_> = (0..45).map(|n| format!("m{n:02}")).collect();
    let is_bad = |nth: usize| nth % 3 == 1;
    for (nth, name) in names.iter().enumerate() {
        put(&stack, name, if is_bad(nth) { "Refused" } else { API.0 }).await;
    }
    let start = stack.now().millis() / 1000;
    let (mut most, mut missed) = (0, 0.0);
    for minute in 0..12 {
        tokio::time::sleep(MINUTE).await;
        for name in &names {
            stack.aws.put_metric(
                API.0,
                API.1,
                &[("ApiId", name), ("Stage", "live")],
                start + 60 * minute,
                5.0,
            );
        }
        stack.aws.reset_ledger();
        stack.check().await.unwrap();
        most = most.max(stack.aws.ledger().count("GetMetricData"));
        let line = stack.emitted_metrics().pop().unwrap();
        missed += line["SourcesMissed"].as_f64().unwrap_or_default();
    }
    // At most 64 queries, plus further pages of results with three metrics each.
    assert!(most <= 64 + 45 / 3, "{most}");
    assert!(missed > 0.0, "the first runs must miss some sources");
    for (nth, name) in names.iter().enumerate() {
        let said = source(&stack, name).await;
        let found =
            points(&stack.operator(), &format!("lookback_duration=1h&step=1h&route={name}")).await;
        let counted = found.iter().filter_map(|(_, bytes)| *bytes).sum::<u64>();
        if is_bad(nth) {
            assert_eq!(
                (&said["last_error"], counted),
                (&json!("CloudWatch returned no data"), 0),
                "{name}"
            );
        } else {
            assert_eq!(said["last_error"], Value::Null, "{name}");
            // Counting begins with the first successful query.
            assert!((5 * 6..=5 * 9).contains(&counted), "{name}: {counted}");
        }
    }
}
