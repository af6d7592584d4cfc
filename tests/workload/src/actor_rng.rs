//! Random decisions of one actor, independent of all other actors' draws.

use sim::Seed;
use std::{cell::Cell, ops::Range, time::Duration};

pub struct ActorRng {
    seed: Seed,
    label: String,
    drawn: Cell<u64>,
}

impl ActorRng {
    pub fn new(seed: Seed, label: impl Into<String>) -> Self {
        Self { seed, label: label.into(), drawn: Cell::new(0) }
    }

    pub fn draw(&self) -> u64 {
        self.drawn.set(self.drawn.get() + 1);
        self.seed.draw(&self.label, self.drawn.get())
    }

    /// True in `percent` of all draws.
    pub fn chance(&self, percent: u64) -> bool {
        self.draw() % 100 < percent
    }

    pub fn in_range(&self, range: Range<u64>) -> u64 {
        range.start + self.draw() % (range.end - range.start)
    }

    pub fn millis(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.in_range(range))
    }

    pub fn seconds(&self, range: Range<u64>) -> Duration {
        self.millis(range.start * 1000..range.end * 1000)
    }

    /// An actor's clock skew in milliseconds. Any two clocks differ by at most two seconds.
    pub fn skew(&self) -> i64 {
        i64::try_from(self.in_range(0..2001)).unwrap() - 1000
    }
}
