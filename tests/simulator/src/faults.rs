//! Fault injection into AWS calls.

use crate::seed::Seed;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// The connection breaks before the request arrives.
    Before,
    /// The request takes effect and its response is lost.
    After,
    /// The caller gets a timeout. The request takes effect this much later, even if the caller
    /// died.
    Late(Duration),
    /// The network delivers the request twice; the caller gets the second response.
    Twice,
    /// The request arrives after this delay.
    Delay(Duration),
    /// The request takes effect and its response arrives after this delay.
    Slow(Duration),
    /// The service throttles the request.
    Throttle,
    /// A DynamoDB batch leaves the entries unprocessed whose bits are set in the mask, but
    /// processes at least one. Other calls are unaffected.
    Partial(u64),
}

type Rule = dyn Fn(&str, u64) -> Fault + Send + Sync;

/// Maps calls to faults: by the operation's name (`PutItem`) and the number of its calls since the
/// plan was set, starting at 1 and including the SDK's retries.
#[derive(Clone)]
pub struct Plan(Arc<Rule>);

impl Plan {
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

    /// `percent` of all calls, with five kinds of faults; the same calls for the same seed.
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

    /// `percent` of DynamoDB's batches are processed partially, each with its own mask.
    pub fn partial(seed: Seed, percent: u64) -> Self {
        Self::new(move |name, count| {
            let draw = seed.draw(name, count);
            let is_partial =
                matches!(name, "BatchGetItem" | "BatchWriteItem") && draw % 100 < percent;
            if is_partial { Fault::Partial(seed.draw("mask", draw)) } else { Fault::None }
        })
    }

    /// The fault of the `nth` call of `operation`.
    pub fn fault_for(&self, operation: &str, nth: u64) -> Fault {
        (self.0)(operation, nth)
    }

    /// This plan without faults of one operation.
    pub fn except(self, operation: &'static str) -> Self {
        Self::new(
            move |name, count| if name == operation { Fault::None } else { self.0(name, count) },
        )
    }

    /// This plan, or `other` where this one has no fault.
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

/// The current plan and its call counters.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Progress>);

#[derive(Debug, Default)]
struct Progress {
    plan: Option<Plan>,
    calls: BTreeMap<String, u64>,
    injected: u64,
}

impl Faults {
    /// Sets the plan and resets the counters.
    pub fn inject(&self, plan: Plan) {
        *self.0.lock().unwrap() = Progress { plan: Some(plan), ..Progress::default() };
    }

    /// Removes the plan and returns the number of injected faults.
    pub fn heal(&self) -> u64 {
        std::mem::take(&mut *self.0.lock().unwrap()).injected
    }

    /// The fault of the next call of `operation`.
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
    fn only_affects_the_named_call() {
        let plan =
            Plan::only("PutItem", 2, Fault::After).or(Plan::always("GetItem", Fault::Before));
        assert_eq!(fates(plan, 3), [Fault::None, Fault::After, Fault::None]);
    }

    #[test]
    fn seeded_plan_is_reproducible_and_keeps_its_rate() {
        let fates_of = |seed| fates(Plan::seeded(Seed(seed), 30), 1_000);
        assert_eq!(fates_of(42), fates_of(42));
        assert_ne!(fates_of(42), fates_of(43));

        let struck = fates_of(42).into_iter().filter(|fault| *fault != Fault::None).count();
        assert!((250..350).contains(&struck), "30 % of 1,000 came out as {struck}");
    }

    #[test]
    fn heal_returns_the_number_of_faults() {
        let faults = Faults::default();
        faults.inject(Plan::always("PutItem", Fault::Throttle));
        faults.next("PutItem");
        faults.next("GetItem");
        assert_eq!(faults.heal(), 1);
        assert_eq!(faults.next("PutItem"), Fault::None);
    }
}
