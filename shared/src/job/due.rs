//! The due list: jobs that the minute's check handles at a time of their own.
//!
//! A job that is due later than SQS can delay a message waits here, in the table. The check *releases* it: it sends the job's message
//! shortly before the job is due, with the rest of the delay. An hour after an entry's time the check *verifies* that its job has ended;
//! see [`rescue`](super::rescue).
//!
//! The list is append-only. Each pass reads on from a cursor of its own, so that releasing costs neither a delete nor an update for each
//! entry. Entries expire by TTL.

use std::time::Duration;

use super::{JobMessage, Timing};
use crate::{
    id::{AccountId, JobId},
    name::Name,
    time::Time,
};

/// How long before its time an entry is released. SQS delays a message for 15 minutes at most. An entry is put only for a job that is due
/// later than that, so a write has two minutes to arrive, and a clock to differ, before the cursor passes its place.
pub const RELEASE_AHEAD: Duration = Duration::from_secs(13 * 60);

/// How long after its time an entry is verified.
pub const VERIFY_AFTER: Duration = Duration::from_secs(3600);

/// A job on the due list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueEntry {
    /// Its time.
    pub due: Time,
    /// Whose job it is.
    pub account: AccountId,
    /// Which one.
    pub id: JobId,
    /// Of which kind.
    pub kind: Name,
    /// What is done at that time.
    pub purpose: Purpose,
}

/// What an entry of the due list is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The job's message is sent, and the job verified later.
    Release,
    /// The job has its message, and is only verified.
    Verify,
}

/// A pass over the due list, with a cursor of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Sends messages.
    Release,
    /// Looks for jobs that should have ended.
    Verify,
}

impl Pass {
    /// Up to which time a pass at `now` handles entries.
    #[must_use]
    pub fn horizon(self, now: Time) -> Time {
        match self {
            Self::Release => now + RELEASE_AHEAD,
            Self::Verify => now - VERIFY_AFTER,
        }
    }

    /// Its name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Verify => "verify",
        }
    }
}

impl DueEntry {
    /// The message that sends its job on its way.
    #[must_use]
    pub fn message(&self) -> JobMessage {
        JobMessage::new(self.account, self.id, self.kind.clone())
    }

    /// When the entry may be deleted: both passes have two weeks to reach it.
    #[must_use]
    pub fn expiry(&self) -> Time {
        Timing::messages_gone(self.due)
    }
}
