//! A gateway's counters over three hours, and its outages.

use std::fmt::Write;

use sim::{Seed, Stack};

use crate::usage::*;

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
