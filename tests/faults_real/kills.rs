//! When functions die.

use sim::Seed;
use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// Where in a call its function dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before anything came of the call.
    Before,
    /// When it has had its effect, and its answer is on the way.
    After,
}

/// At which of their calls functions die, by seed.
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

    /// Whether a function dies at its next call.
    pub fn next(&self, function: &'static str) -> Option<Moment> {
        let nth = {
            let mut calls = self.calls.lock().unwrap();
            let nth = calls.entry(function).or_default();
            *nth += 1;
            *nth
        };
        let draw = self.seed.draw(&format!("kill {function}"), nth);
        let moment = if (draw >> 32).is_multiple_of(2) { Moment::Before } else { Moment::After };
        (draw % 1000 < permille(function)).then_some(moment)
    }

    /// Notes that one has died.
    pub fn note(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// How many have died.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

/// At how many of a thousand calls a function dies.
fn permille(function: &str) -> u64 {
    match function {
        "queue-worker" => 8,
        "quota-check" => 10,
        _ => 5,
    }
}
