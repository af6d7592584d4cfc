//! What calls suffer: a few of them always, and in outages most.

use sim::{Fault, Plan, Seed};
use std::time::Duration;

/// How long an outage of an operation lasts.
const OUTAGE_MS: i64 = 15_000;

/// Faults of every sort by seed, batches that are done in part, and a little time for every call,
/// so that calls of one function come between those of another.
pub fn plan(seed: Seed, now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Plan {
    let sparse = Plan::seeded(Seed(seed.draw("faults", 0)), 3);
    // What claims, ends and cancels is what most depends on.
    let often = Plan::seeded(Seed(seed.draw("updates", 0)), 10);
    let partial = Plan::partial(Seed(seed.draw("partial", 0)), 15);
    let dense = Plan::seeded(Seed(seed.draw("outages", 0)), 75);
    let suffered = Plan::new(move |operation, nth| {
        let window = u64::try_from(now_ms() / OUTAGE_MS).unwrap();
        let is_out = seed.draw(operation, window).is_multiple_of(16);
        let plan = if is_out {
            &dense
        } else if operation == "UpdateItem" {
            &often
        } else {
            &sparse
        };
        plan.fate(operation, nth)
    });
    Plan::new(move |operation, nth| match (operation, suffered.fate(operation, nth)) {
        // SES can't tell a repeat: of a mail whose answer is lost nobody promises that it comes once.
        ("SendEmail", Fault::After | Fault::Twice) => Fault::Throttle,
        ("UpdateItem", Fault::Before) | (_, Fault::After)
            if !seed.draw(operation, nth).is_multiple_of(4) =>
        {
            late(seed, operation, nth)
        }
        (_, Fault::None) => match partial.fate(operation, nth) {
            Fault::None => lag(seed, operation, nth),
            partial => partial,
        },
        (_, fault) => fault,
    })
}

/// How late a request comes of which its caller doesn't hear any more: within what the announcement of an end waits for it, and what
/// readers of events count on.
fn late(seed: Seed, operation: &str, nth: u64) -> Fault {
    let (least, most) = if operation == "UpdateItem" { (3_000, 7_000) } else { (0, 2_000) };
    Fault::Late(Duration::from_millis(least + seed.draw(operation, nth) / 8 % (most - least)))
}

/// Time for every call, and nothing else.
pub fn calm(seed: Seed) -> Plan {
    Plan::new(move |operation, nth| lag(seed, operation, nth))
}

fn lag(seed: Seed, operation: &str, nth: u64) -> Fault {
    Fault::Delay(Duration::from_millis(1 + seed.draw(operation, nth) / 7 % 25))
}
