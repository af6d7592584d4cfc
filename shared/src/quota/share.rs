use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{time::Time, usage::Origin};

/// After how long a read that shows less than an earlier one isn't a stale one: heads are gone.
const SETTLED: Duration = Duration::from_secs(30);

/// What was counted of a quota's series, all together, at each origin that knows some of them.
pub type Totals = BTreeMap<Origin, u64>;

/// When somebody looked at what was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// When he began to read it.
    pub began: Time,
    /// When he has done so.
    pub now: Time,
}

/// What one origin has to do with what is used of a quota.
///
/// A total is a sum over the heads that are there. It grows with what is counted, but a head that nobody writes any more is forgotten
/// sometime, and takes all that it ever counted out of the sum; and an origin can go as a whole, and come back. So what counts is how
/// much the total grew from look to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// What was used there since the period began.
    pub used: u64,
    /// What had been counted there when that was last looked at.
    pub total: u64,
    /// When that was last news.
    pub seen_at: Time,
}

impl Share {
    /// Of a period that begins, or of which nothing was seen of this origin yet.
    #[must_use]
    pub const fn starting_at(total: u64, now: Time) -> Self {
        Self { used: 0, total, seen_at: now }
    }

    /// After another look. Where heads are gone, what others grew by in the same minute isn't known.
    pub(super) fn grow(&mut self, total: u64, look: Look) {
        match total.checked_sub(self.total) {
            Some(0) => return,
            Some(more) => self.used = self.used.saturating_add(more),
            // Somebody with older eyes: what he doesn't see isn't gone.
            None if look.began < self.seen_at + SETTLED => return,
            None => {}
        }
        (self.total, self.seen_at) = (total, look.now);
    }
}
