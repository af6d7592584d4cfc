//! The plan of faults: a few at all times, and many during outages.

use sim::{Fault, Plan, Seed};
use std::time::Duration;

/// Duration of an operation's outage.
const OUTAGE_MS: i64 = 15_000;

/// All kinds of faults by seed, partially processed batches, and a short delay of every call that
/// interleaves the functions' calls.
pub fn plan(seed: Seed, now_ms: impl Fn() -> i64 + Send + Sync + 'static) -> Plan {
    let sparse = Plan::seeded(Seed(seed.draw("faults", 0)), 3);
    // Claims, ends and cancellations are updates, so updates fail more often.
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
        plan.fault_for(operation, nth)
    });
    Plan::new(move |operation, nth| match (operation, suffered.fault_for(operation, nth)) {
        // SES has no idempotency: a mail whose response is lost may be sent twice.
        ("SendEmail", Fault::After | Fault::Twice) => Fault::Throttle,
        ("UpdateItem", Fault::Before) | (_, Fault::After)
            if !seed.draw(operation, nth).is_multiple_of(4) =>
        {
            late(seed, operation, nth)
        }
        (_, Fault::None) => match partial.fault_for(operation, nth) {
            Fault::None => lag(seed, operation, nth),
            partial => partial,
        },
        (_, fault) => fault,
    })
}

/// Delay of a late request. It is shorter than the wait of an end's announcement, and than the
/// lateness that readers of events allow.
fn late(seed: Seed, operation: &str, nth: u64) -> Fault {
    let (least, most) = if operation == "UpdateItem" { (3_000, 7_000) } else { (0, 2_000) };
    Fault::Late(Duration::from_millis(least + seed.draw(operation, nth) / 8 % (most - least)))
}

/// Only a short delay of every call.
pub fn calm(seed: Seed) -> Plan {
    Plan::new(move |operation, nth| lag(seed, operation, nth))
}

fn lag(seed: Seed, operation: &str, nth: u64) -> Fault {
    Fault::Delay(Duration::from_millis(1 + seed.draw(operation, nth) / 7 % 25))
}
