//! Selects the calls at which functions die.

use sim::Seed;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// When a function dies relative to its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the call takes effect.
    Before,
    /// After the call took effect, before its response arrives.
    After,
}

/// The seeded choice of calls, and the number of kills.
#[derive(Debug)]
pub struct Kills {
    seed: Seed,
    calls: Mutex<BTreeMap<&'static str, u64>>,
    done: AtomicU64,
}

impl Kills {
    pub fn new(seed: Seed) -> Self {
        Self { seed, calls: Mutex::default(), done: AtomicU64::new(0) }
    }

    /// Counts a call, and returns when the function dies during it, if it does.
    pub fn next(&self, function: &'static str) -> Option<Moment> {
        let nth = {
            let mut calls = self.calls.lock().unwrap();
            let nth = calls.entry(function).or_default();
            *nth += 1;
            *nth
        };
        let draw = self.seed.draw(&format!("kill {function}"), nth);
        let moment = if (draw >> 32).is_multiple_of(2) { Moment::Before } else { Moment::After };
        (draw % 1000 < kill_permille(function)).then_some(moment)
    }

    /// Counts a kill.
    pub fn count_kill(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of killed functions.
    pub fn total(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

/// Kills per thousand calls.
fn kill_permille(function: &str) -> u64 {
    match function {
        "queue-worker" => 8,
        "quota-check" => 10,
        _ => 5,
    }
}
