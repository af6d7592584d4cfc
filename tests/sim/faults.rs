//! Calls that go wrong on purpose.

use crate::seed::Seed;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

/// What happens to one call on its way to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// The connection breaks before the service saw the request.
    Before,
    /// The service acts, and its answer is lost.
    After,
    /// The caller is told that there was no answer, and the service acts this much later: whatever happened meanwhile, and whether or not the
    /// caller lives.
    Late(Duration),
    /// The network delivers the request twice; the second answer arrives.
    Twice,
    /// The request takes this long to arrive.
    Delay(Duration),
    /// The service acts, and its answer takes this long.
    Slow(Duration),
    /// The service turns the request away: too many.
    Throttle,
    /// Of a batch of DynamoDB's, the entries stay unprocessed for which the mask has a bit; but one
    /// at least is done. Other calls suffer nothing.
    Partial(u64),
}

type Rule = dyn Fn(&str, u64) -> Fault + Send + Sync;

/// Which calls go wrong, and how: from an operation's name (`PutItem`) and how many calls of it
/// there have been since the plan came into force (the first is 1), the SDK's own retries included.
#[derive(Clone)]
pub struct Plan(Arc<Rule>);

impl Plan {
    /// A plan by any rule.
    pub fn new(rule: impl Fn(&str, u64) -> Fault + Send + Sync + 'static) -> Self {
        Self(Arc::new(rule))
    }

    /// Only the `nth` call of `operation`.
    pub fn only(operation: &'static str, nth: u64, fault: Fault) -> Self {
        Self::new(
            move |name, count| if name == operation && count == nth { fault } else { Fault::None },
        )
    }

    /// Every call of `operation`.
    pub fn always(operation: &'static str, fault: Fault) -> Self {
        Self::new(move |name, _| if name == operation { fault } else { Fault::None })
    }

    /// `percent` of all calls, with faults of every sort; the same calls for the same seed.
    pub fn seeded(seed: Seed, percent: u64) -> Self {
        Self::new(move |name, count| {
            let draw = seed.draw(name, count);
            if draw % 100 >= percent {
                return Fault::None;
            }
            match (draw >> 32) % 5 {
                0 => Fault::Before,
                1 => Fault::After,
                2 => Fault::Twice,
                3 => Fault::Throttle,
                _ => Fault::Delay(Duration::from_millis((draw >> 40) % 2_000)),
            }
        })
    }

    /// `percent` of DynamoDB's batches are done in part, each by a mask of its own.
    pub fn partial(seed: Seed, percent: u64) -> Self {
        Self::new(move |name, count| {
            let draw = seed.draw(name, count);
            let is_partial =
                matches!(name, "BatchGetItem" | "BatchWriteItem") && draw % 100 < percent;
            if is_partial { Fault::Partial(seed.draw("mask", draw)) } else { Fault::None }
        })
    }

    /// What it has in store for the `nth` call of `operation`.
    pub fn fate(&self, operation: &str, nth: u64) -> Fault {
        (self.0)(operation, nth)
    }

    /// This plan, but nothing for one operation.
    pub fn except(self, operation: &'static str) -> Self {
        Self::new(
            move |name, count| if name == operation { Fault::None } else { self.0(name, count) },
        )
    }

    /// This plan, and where it has nothing in store, `other`.
    pub fn or(self, other: Plan) -> Self {
        Self::new(move |name, count| match self.0(name, count) {
            Fault::None => other.0(name, count),
            fault => fault,
        })
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plan")
    }
}

/// The plan in force, and how far it has come.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Progress>);

#[derive(Debug, Default)]
struct Progress {
    plan: Option<Plan>,
    calls: BTreeMap<String, u64>,
    injected: u64,
}

impl Faults {
    /// Puts a plan into force; counting starts again.
    pub fn inject(&self, plan: Plan) {
        *self.0.lock().unwrap() = Progress { plan: Some(plan), ..Progress::default() };
    }

    /// Ends the plan in force and says how many faults came of it.
    pub fn heal(&self) -> u64 {
        std::mem::take(&mut *self.0.lock().unwrap()).injected
    }

    /// The fate of the next call of `operation`.
    pub fn next(&self, operation: &str) -> Fault {
        let mut progress = self.0.lock().unwrap();
        let Some(plan) = progress.plan.clone() else { return Fault::None };
        let count = progress.calls.entry(operation.to_owned()).or_default();
        *count += 1;
        let fault = plan.0(operation, *count);
        progress.injected += u64::from(fault != Fault::None);
        fault
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(plan: Plan, calls: usize) -> Vec<Fault> {
        let faults = Faults::default();
        faults.inject(plan);
        (0..calls).map(|_| faults.next("PutItem")).collect()
    }

    #[test]
    fn only_the_call_that_was_named() {
        let plan =
            Plan::only("PutItem", 2, Fault::After).or(Plan::always("GetItem", Fault::Before));
        assert_eq!(fates(plan, 3), [Fault::None, Fault::After, Fault::None]);
    }

    #[test]
    fn a_seed_replays_and_keeps_to_its_share() {
        let fates_of = |seed| fates(Plan::seeded(Seed(seed), 30), 1_000);
        assert_eq!(fates_of(42), fates_of(42));
        assert_ne!(fates_of(42), fates_of(43));

        let struck = fates_of(42).into_iter().filter(|fault| *fault != Fault::None).count();
        assert!((250..350).contains(&struck), "30 % of 1,000 came out as {struck}");
    }

    #[test]
    fn healing_says_what_was_suffered() {
        let faults = Faults::default();
        faults.inject(Plan::always("PutItem", Fault::Throttle));
        faults.next("PutItem");
        faults.next("GetItem");
        assert_eq!(faults.heal(), 1);
        assert_eq!(faults.next("PutItem"), Fault::None);
    }
}
