//! What is collected is what went through.

use std::fmt::Write;

use sim::{Fault, Plan, Seed, Stack};

use super::*;

/// How long the script is, in minutes.
const SCRIPT: usize = 180;

/// When it is, from the stack's start on.
const SPAN: &str = "from=2026-11-20T16:00:00Z&to=2026-11-20T19:00:00Z";

/// One counter of the gateway and what becomes of it, minute by minute.
struct Script {
    route: &'static str,
    /// What the counter stands at; none while it isn't on the page.
    value: Option<u64>,
    /// What went through since it was last seen.
    unseen: u64,
    /// What each minute is to show.
    truth: Vec<Option<u64>>,
}

impl Script {
    fn new(route: &'static str, value: Option<u64>) -> Self {
        Self { route, value, unseen: 0, truth: Vec::new() }
    }

    fn grow(&mut self, bytes: u64) {
        if let Some(value) = &mut self.value {
            *value += bytes;
            self.unseen += bytes;
        }
    }

    /// The gateway begins anew.
    fn reset(&mut self) {
        if let Some(value) = &mut self.value {
            *value = 0;
        }
    }

    /// A minute in which the page was seen, or not.
    fn end_minute(&mut self, is_seen: bool, is_first: bool) {
        let shown = self.value.filter(|_| is_seen);
        self.truth.push(shown.filter(|_| !is_first).map(|_| self.unseen));
        if shown.is_some() {
            self.unseen = 0;
        }
    }
}

/// Three hours of a gateway that grows, is restarted, is away, and has routes come and go. Each minute is run twice at once, and now and then
/// once more later.
#[tokio::test]
async fn every_point_is_what_went_through() {
    let stack = Stack::new().await;
    let gateway = Gateway::start().await;
    put_source(&stack, "kong", kong2(gateway.url())).await;
    let dice = Seed(7);
    let mut scripts = [
        Script::new("steady", Some(1_000_000_007)),
        Script::new("rare", Some(0)),
        Script::new("late", None),
        Script::new("gone", Some(5)),
    ];
    for minute in 0..SCRIPT {
        match minute {
            // A restart: all counters begin anew.
            40 | 150 => scripts.iter_mut().for_each(Script::reset),
            // A new route, which begins at nothing.
            70 => scripts[2].value = Some(0),
            _ => {}
        }
        // A route that isn't on the page for a while, and comes back as it was, then for good.
        let is_hidden = |route: &str| route == "gone" && ((20..25).contains(&minute) || minute >= 100);
        // The gateway is away: once for a minute, once for longer than what makes it rest.
        let is_away = minute == 55 || (120..128).contains(&minute);
        let mut page = String::from("# HELP kong_bandwidth Bytes\n# TYPE kong_bandwidth counter\n");
        for script in &mut scripts {
            let nth = u64::try_from(minute).unwrap();
            let is_idle = script.route == "rare" && !dice.draw("idle", nth).is_multiple_of(10);
            script.grow(if is_idle { 0 } else { dice.draw(script.route, nth) % 5_000_000_000 });
            if let Some(value) = script.value.filter(|_| !is_hidden(script.route)) {
                let route = script.route;
                writeln!(
                    page,
                    "kong_bandwidth{{type=\"egress\",service=\"shop\",route=\"{route}\"}} {value}"
                )
                .unwrap();
            }
        }
        if is_away {
            gateway.fail(503)
        } else {
            gateway.show(page)
        }
        next_minute(&stack).await;
        let before = gateway.asked();
        let (one, other) = (stack.checker(), stack.checker());
        let due = stack.now();
        let (one, other) = tokio::join!(one.check("one", due), other.check("other", due));
        one.and(other).unwrap();
        let is_seen = gateway.asked() > before && !is_away;
        if minute % 10 == 0 {
            stack.check().await.unwrap();
        }
        for script in &mut scripts {
            let hidden = is_hidden(script.route);
            script.end_minute(is_seen && !hidden, minute == 0);
        }
    }
    let tenant = stack.tenant();
    for script in &scripts {
        let query = format!("type=egress&service=shop&route={}&{SPAN}&step=1m", script.route);
        let found = points(&stack.operator(), &query).await;
        let found: Vec<_> = found.into_iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(found, script.truth, "{}", script.route);
        assert!(script.truth.iter().any(Option::is_some) && script.truth.iter().any(Option::is_none));
        assert_eq!(points(&tenant, &query).await, [], "it is nobody's but the operator's");
    }
    let whole: u64 = scripts.iter().flat_map(|script| script.truth.iter().flatten()).sum();
    let hours = points(&stack.operator(), &format!("{SPAN}&step=1h")).await;
    assert_eq!(hours.len(), 3 * scripts.len());
    assert_eq!(hours.iter().filter_map(|(_, bytes)| *bytes).sum::<u64>(), whole);
}

/// Whatever a run suffers, and however often it is repeated: what went through is counted once, in that minute or a later one.
#[tokio::test]
async fn a_run_that_suffers_counts_nothing_twice_and_loses_nothing() {
    let once = [Fault::Before, Fault::After, Fault::Throttle, Fault::Twice]
        .into_iter()
        .flat_map(|fault| ["Query", "PutItem", "TransactWriteItems"].map(|operation| (operation, fault, 1)));
    let all = [
        ("PutItem", Fault::Before, 99),
        ("UpdateItem", Fault::Before, 99),
        ("TransactWriteItems", Fault::After, 99),
    ];
    for (operation, fault, last) in once.chain(all) {
        let counted = suffering(operation, fault, last).await;
        assert_eq!(counted, [5, 500, 50], "{operation} {fault:?} 1–{last}");
    }
}

/// What is counted of three routes in six minutes over the turn of an hour, in four of which an operation fails from its first call on.
async fn suffering(operation: &'static str, fault: Fault, last: u64) -> [u64; 3] {
    let stack = Stack::new().await;
    let gateway = Gateway::start().await;
    put_source(&stack, "kong", kong2(gateway.url())).await;
    pass(57 * MINUTE).await;
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
        // As Lambda repeats an invocation that failed, now and then.
        if minute % 2 == 0 {
            let _ = stack.check().await;
        }
    }
    let sum = async |route: &str| {
        let query = format!("type=egress&service=s&route={route}&from=2026-11-20T16:00:00Z&step=1h");
        points(&stack.operator(), &query).await.iter().filter_map(|(_, bytes)| *bytes).sum::<u64>()
    };
    [sum("a").await, sum("b").await, sum("late").await]
}
