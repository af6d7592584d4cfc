//! Overlapping runs, with 2 s of clock skew.

use std::fmt::Write;

use sim::{Fault, Plan, Seed};

use super::*;

/// Table calls take up to `most` milliseconds.
fn random_latency(seed: u64, most: u64) -> Plan {
    Plan::new(move |name, n| match name {
        "Query" | "PutItem" | "TransactWriteItems" => {
            Fault::Delay(Duration::from_millis(Seed(seed).draw(name, n) % most))
        }
        _ => Fault::None,
    })
}

/// Runs the checks of this minute and of the previous one concurrently.
async fn run_two_minutes_concurrently(stack: &Stack, seed: u64) {
    let ahead = if seed.is_multiple_of(2) { 1000 } else { -1000 };
    let (newer, older) =
        (stack.checker_with_clock_skew(ahead), stack.checker_with_clock_skew(-ahead));
    let due = stack.now();
    let (newer, older) =
        tokio::join!(newer.check("newer", due), older.check("older", due - MINUTE));
    newer.and(older).unwrap();
}

async fn counted(stack: &Stack) -> u64 {
    let found = points(&stack.operator(), "from=2026-11-20T16:00:00Z&step=1d").await;
    found.iter().filter_map(|(_, bytes)| *bytes).sum()
}

/// A counter that grows with each read. Whichever run reads or writes first, the growth counts
/// exactly once.
#[tokio::test]
async fn overlapping_runs_count_growth_once() {
    let stack = Stack::new().await;
    let gateway = Target::start(|nth| {
        let mut page = String::new();
        for route in 0..8 {
            let bytes = 1_000_000 + 7 * nth;
            writeln!(
                page,
                "kong_bandwidth{{type=\"egress\",service=\"s\",route=\"{route}\"}} {bytes}"
            )
            .unwrap();
        }
        page.into_response()
    })
    .await;
    put_source(&stack, "kong", kong2(&gateway.url)).await;
    next_minute(&stack).await;
    stack.check().await.unwrap();
    for seed in 0..25 {
        advance(MINUTE).await;
        next_minute(&stack).await;
        stack.aws.inject(random_latency(seed, 30));
        run_two_minutes_concurrently(&stack, seed).await;
        stack.aws.heal();
    }
    next_minute(&stack).await;
    stack.check().await.unwrap();
    let looks = u64::try_from(gateway.requests().len()).unwrap();
    assert_eq!(looks, 2 + 2 * 25, "each run reads the page");
    assert_eq!(counted(&stack).await, 8 * 7 * (looks - 1));
}

/// Each CloudWatch minute counts once, whichever run queries it.
#[tokio::test(start_paused = true)]
async fn overlapping_runs_count_cloudwatch_minutes_once() {
    let stack = Stack::new().await;
    let spec = json!({
        "type": "cloudwatch", "namespace": "AWS/ApiGateway", "metric_name": "DataProcessed",
        "dimensions": {"ApiId": "a"}, "as": {"type": "egress", "service": "api"},
    });
    put_source(&stack, "api", spec).await;
    let start = stack.now().millis() / 1000;
    for minute in 0..150i64 {
        stack.aws.put_metric(
            "AWS/ApiGateway",
            "DataProcessed",
            &[("ApiId", "a")],
            start + 60 * minute,
            1000.0 + minute as f64,
        );
        sleep_until_next_minute(&stack).await;
        match minute {
            // Counting begins with the first of these.
            0..5 => stack.check().await.unwrap(),
            // Three of four runs are missed.
            _ if minute % 4 != 0 => {}
            _ => {
                stack.aws.inject(random_latency(minute.unsigned_abs(), 300));
                run_two_minutes_concurrently(&stack, minute.unsigned_abs() / 4).await;
                stack.aws.heal();
            }
        }
    }
    sleep_until_next_minute(&stack).await;
    stack.check().await.unwrap();
    assert_eq!(counted(&stack).await, (0..148).map(|minute| 1000 + minute).sum::<u64>());
}

async fn sleep_until_next_minute(stack: &Stack) {
    let left = 60_000 - stack.now().millis().rem_euclid(60_000);
    tokio::time::sleep(Duration::from_millis(left.unsigned_abs())).await;
}
