use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{time::Time, usage::Origin};

/// Age after which a lower total is no longer attributed to a stale read: series counters have
/// expired.
const STALE_READ_WINDOW: Duration = Duration::from_secs(30);

/// Sum of a quota's series at each origin that counts any of them.
pub type Totals = BTreeMap<Origin, u64>;

/// Times of a read of the totals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadTimes {
    /// Start of the read.
    pub started: Time,
    /// End of the read.
    pub now: Time,
}

/// One origin's part of a quota's usage.
///
/// A total is the sum over the existing series counters. It grows with what is counted. But a
/// counter that is no longer written expires and takes its whole count out of the sum, and an
/// origin can disappear and return. Usage is therefore the sum of the total's increases from read
/// to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceUsage {
    /// Bytes counted there since the period started.
    pub used: u64,
    /// Total of the last read.
    pub total: u64,
    /// Time of the last read that changed the total.
    pub seen_at: Time,
}

impl SourceUsage {
    /// At the start of a period, or at the origin's first read.
    #[must_use]
    pub const fn starting_at(total: u64, now: Time) -> Self {
        Self { used: 0, total, seen_at: now }
    }

    /// Applies another read. If counters have expired since, increases of other counters in the
    /// same minute are lost.
    pub(super) fn apply_total(&mut self, total: u64, look: ReadTimes) {
        match total.checked_sub(self.total) {
            Some(0) => return,
            Some(more) => self.used = self.used.saturating_add(more),
            // A stale read: counters missing in it have not expired.
            None if look.started < self.seen_at + STALE_READ_WINDOW => return,
            None => {}
        }
        (self.total, self.seen_at) = (total, look.now);
    }
}
