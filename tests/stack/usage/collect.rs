//! Collected usage equals the actual traffic.

use std::fmt::Write;

use sim::{Fault, Plan, Seed, Stack};

use super::*;

/// Length of the script in minutes.
const SCRIPT: usize = 180;

/// Time range of the script, from the stack's start.
const SPAN: &str = "from=2026-11-20T16:00:00Z&to=2026-11-20T19:00:00Z";

/// One counter of the gateway, minute by minute.
struct Script {
    route: &'static str,
    /// Current value of the counter; none while it is not on the page.
    value: Option<u64>,
    /// Bytes transferred since the last sample.
    pending: u64,
    /// Expected bytes for each minute.
    expected: Vec<Option<u64>>,
}

impl Script {
    fn new(route: &'static str, value: Option<u64>) -> Self {
        Self { route, value, pending: 0, expected: Vec::new() }
    }

    fn grow(&mut self, bytes: u64) {
        if let Some(value) = &mut self.value {
            *value += bytes;
            self.pending += bytes;
        }
    }

    /// The gateway restarts.
    fn reset(&mut self) {
        if let Some(value) = &mut self.value {
            *value = 0;
        }
    }

    /// Ends a minute in which the page was read or not.
    fn end_minute(&mut self, is_seen: bool, is_first: bool) {
        let shown = self.value.filter(|_| is_seen);
        self.expected.push(shown.filter(|_| !is_first).map(|_| self.pending));
        if shown.is_some() {
            self.pending = 0;
        }
    }
}

/// The counters of a gateway over three hours: they grow, restart, and come and go.
struct Scripts([Script; 4]);

impl Scripts {
    fn new() -> Self {
        Self([
            Script::new("steady", Some(1_000_000_007)),
            Script::new("rare", Some(0)),
            Script::new("late", None),
            Script::new("gone", Some(5)),
        ])
    }

    /// Advances to a minute. Returns the gateway's page.
    fn advance(&mut self, minute: usize, seed: Seed) -> String {
        match minute {
            // A restart resets all counters.
            40 | 150 => self.0.iter_mut().for_each(Script::reset),
            // A new route, which starts at zero.
            70 => self.0[2].value = Some(0),
            _ => {}
        }
        let mut page = String::from("# HELP kong_bandwidth Bytes\n# TYPE kong_bandwidth counter\n");
        for script in &mut self.0 {
            let (route, nth) = (script.route, u64::try_from(minute).unwrap());
            let is_idle = route == "rare" && !seed.draw("idle", nth).is_multiple_of(10);
            script.grow(if is_idle { 0 } else { seed.draw(route, nth) % 5_000_000_000 });
            if let Some(value) = script.value.filter(|_| !is_hidden(route, minute)) {
                writeln!(
                    page,
                    "kong_bandwidth{{type=\"egress\",service=\"shop\",route=\"{route}\"}} {value}"
                )
                .unwrap();
            }
        }
        page
    }

    /// Ends a minute in which the page was read or not.
    fn end_minute(&mut self, is_seen: bool, minute: usize) {
        for script in &mut self.0 {
            script.end_minute(is_seen && !is_hidden(script.route, minute), minute == 0);
        }
    }
}

/// A route that disappears for a while and returns unchanged, then disappears for good.
fn is_hidden(route: &str, minute: usize) -> bool {
    route == "gone" && ((20..25).contains(&minute) || minute >= 100)
}

/// Outages: one of a minute, and one long enough to trigger the backoff.
fn is_away(minute: usize) -> bool {
    minute == 55 || (120..128).contains(&minute)
}

/// Two ticks at once, with 2 s of clock skew.
async fn run_two_ticks(stack: &Stack) {
    let (one, other) = (stack.checker_with_clock_skew(1000), stack.checker_with_clock_skew(-1000));
    let due = stack.now();
    let (one, other) = tokio::join!(one.check("one", due), other.check("other", due));
    one.and(other).unwrap();
}

/// Two ticks run at once every minute, and every ten minutes another one.
#[tokio::test]
async fn every_point_equals_the_traffic() {
    let stack = Stack::new().await;
    let gateway = Gateway::start().await;
    put_source(&stack, "kong", kong2(gateway.url())).await;
    let mut scripts = Scripts::new();
    for minute in 0..SCRIPT {
        let page = scripts.advance(minute, Seed(7));
        if is_away(minute) {
            gateway.fail(503)
        } else {
            gateway.show(page)
        }
        next_minute(&stack).await;
        let before = gateway.request_count();
        run_two_ticks(&stack).await;
        let is_seen = gateway.request_count() > before && !is_away(minute);
        if minute % 10 == 0 {
            stack.check().await.unwrap();
        }
        scripts.end_minute(is_seen, minute);
    }
    let (Scripts(scripts), tenant) = (scripts, stack.tenant());
    for script in &scripts {
        let query = format!("type=egress&service=shop&route={}&{SPAN}&step=1m", script.route);
        let found = points(&stack.operator(), &query).await;
        let found: Vec<_> = found.into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(found, script.expected, "{}", script.route);
        assert!(
            script.expected.iter().any(Option::is_some)
                && script.expected.iter().any(Option::is_none)
        );
        assert_eq!(points(&tenant, &query).await, [], "only the operator sees it");
    }
    let whole: u64 = scripts.iter().flat_map(|script| script.expected.iter().flatten()).sum();
    let hours = points(&stack.operator(), &format!("{SPAN}&step=1h")).await;
    assert_eq!(hours.len(), 3 * scripts.len());
    assert_eq!(hours.iter().filter_map(|(_, bytes)| *bytes).sum::<u64>(), whole);
}

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
