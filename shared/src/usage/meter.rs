//! What Tollgate's own API lets through, counted by each process for itself until it is written.
//!
//! A process writes a [`Reading`] now and then: what it counted since the last one. Each reading is an item of its own, of the minute in which
//! it was taken, so that a repeat of its write counts nothing twice. What becomes of a write isn't always known: its answer is lost, or the
//! process is frozen in the middle of it. Then the same write is tried again, and when its minute is over, its place is taken by nothing
//! instead. Whichever of the two comes first is there for good, so that what was counted is in this reading or in a later one, and never in
//! both.
//!
//! ```text
//!   counted ── taken ──▶ open ── put: written ─────────────────▶ gone
//!      ▲                  │ the answer is lost: the same again
//!      │                  │ its minute is over: its place is taken
//!      │                  ├── the reading was there before ───▶ gone
//!      └──────────────────┘   it wasn't, and never will be
//! ```

use std::{collections::BTreeMap, time::Duration};

use super::{Direction, Label, MINUTE, Series};
use crate::{id::AccountId, time::Time};

/// The service of all series that Tollgate counts at its own API.
pub const SERVICE: &str = "tollgate";
/// The route, of nobody's series, of what a process could not keep apart any more.
pub const OTHERS: &str = "(others)";

/// How many series a process keeps apart: a reading of as many is some 45 KB. It writes when half of them are there, so that more come only
/// when nothing can be written.
pub const MOST_SERIES: usize = 500;
/// For how long after its minute a reading may still be put. Where minutes are collected, they are looked at for longer (see
/// [`Reading::LANDED`]).
const LATE: Duration = Duration::from_secs(30);

/// What a process has counted and not written yet.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    counted: BTreeMap<Series, u64>,
    /// What was taken, and may be written or not.
    open: Option<Reading>,
    taken: u64,
}

/// What a process counted between two looks at its meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The begin of the minute in which it was taken, and for which it counts.
    pub minute: Time,
    /// Which of its process' readings it is, from 1.
    pub number: u64,
    /// How many bytes of each series; none of them is nothing.
    pub bytes: BTreeMap<Series, u64>,
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// The reading, in its place.
    Put(Reading),
    /// Nothing, in the place of the reading.
    TakePlace(Reading),
}

/// What is in a reading's place, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The reading.
    Filled,
    /// Nothing.
    Empty,
}

impl Reading {
    /// How long after its minute a reading that was put in time has landed for certain, if it does at all: half a minute in which a put may
    /// begin, five for which AWS takes a signed request (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>), and half
    /// a minute for clocks that differ.
    pub const LANDED: Duration = Duration::from_secs(360);
}

impl Meter {
    /// Counts bytes of a route of an account. Nothing makes no series.
    pub fn count(&mut self, account: AccountId, direction: Direction, route: &str, bytes: u64) {
        if bytes > 0 {
            self.add(own(Some(account), direction, route), bytes);
        }
    }

    /// Whether so many series are there that it is time for a reading; not while one is open.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.open.is_none() && self.counted.len() >= MOST_SERIES / 2
    }

    /// What is to be written now, if anything is. Until [`Meter::written`] tells what became of it, it is the same reading.
    pub fn write(&mut self, now: Time) -> Option<Write> {
        if let Some(open) = self.open.clone() {
            let is_over = now >= open.minute + MINUTE + LATE;
            return Some(if is_over { Write::TakePlace(open) } else { Write::Put(open) });
        }
        if self.counted.is_empty() {
            return None;
        }
        self.taken += 1;
        let minute = Time::from_millis(now.millis() - now.millis().rem_euclid(60_000));
        let bytes = std::mem::take(&mut self.counted);
        let reading = Reading { minute, number: self.taken, bytes };
        self.open = Some(reading.clone());
        Some(Write::Put(reading))
    }

    /// What the last write found, or made, in its reading's place. What isn't there counts in the next reading.
    pub fn written(&mut self, place: Place) {
        let Some(open) = self.open.take() else { return };
        if place == Place::Empty {
            open.bytes.into_iter().for_each(|(series, bytes)| self.add(series, bytes));
        }
    }

    fn add(&mut self, series: Series, bytes: u64) {
        let is_kept_apart = self.counted.len() < MOST_SERIES || self.counted.contains_key(&series);
        let series = if is_kept_apart { series } else { own(None, series.direction, OTHERS) };
        let counted = self.counted.entry(series).or_default();
        *counted = counted.saturating_add(bytes);
    }
}

/// One of Tollgate's own series.
#[must_use]
pub fn own(account: Option<AccountId>, direction: Direction, route: &str) -> Series {
    let label = |text: &str| text.parse::<Label>().unwrap_or_default();
    Series { account, direction, service: label(SERVICE), route: label(route) }
}

#[cfg(test)]
mod tests;
