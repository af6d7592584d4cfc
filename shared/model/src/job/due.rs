//! The due list: jobs that the minute tick handles at a given time.
//!
//! SQS delays a message by at most 15 minutes. A job that is due later waits here, in the table.
//! Shortly before the job is due, the tick *releases* it: it sends the job's message with the
//! remaining delay. An hour after an entry's time, the tick *verifies* that the job has ended; see
//! [`rescue`](super::rescue).
//!
//! The list is append-only. Each pass reads on from its own cursor, so a release costs neither a
//! delete nor an update per entry. Entries expire by TTL.

use std::time::Duration;

use super::{JobMessage, Timing};
use crate::{
    id::{AccountId, JobId},
    name::Name,
    time::Time,
};

/// How long before its time an entry is released. Only jobs due in more than 15 minutes (the
/// maximum SQS delay) are put on the list. A write thus has two minutes to arrive, clock skew
/// included, before the cursor passes its position.
pub const RELEASE_AHEAD: Duration = Duration::from_secs(13 * 60);

/// How long after its time an entry is verified.
pub const VERIFY_AFTER: Duration = Duration::from_secs(3600);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueEntry {
    pub due: Time,
    pub account: AccountId,
    pub id: JobId,
    pub kind: Name,
    pub purpose: Purpose,
}

/// What the tick does at an entry's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Send the job's message; verify the job later.
    Release,
    /// Verify only: the message was already sent.
    Verify,
}

/// A pass over the due list. Each pass has its own cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Sends messages.
    Release,
    /// Finds jobs that should have ended.
    Verify,
}

impl Pass {
    /// A pass at `now` handles entries up to this time.
    #[must_use]
    pub fn horizon(self, now: Time) -> Time {
        match self {
            Self::Release => now + RELEASE_AHEAD,
            Self::Verify => now - VERIFY_AFTER,
        }
    }

    /// Name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Verify => "verify",
        }
    }
}

impl DueEntry {
    /// The job's message.
    #[must_use]
    pub fn message(&self) -> JobMessage {
        JobMessage::new(self.account, self.id, self.kind.clone())
    }

    /// The entry's TTL: both passes have two weeks to reach it.
    #[must_use]
    pub fn expiry(&self) -> Time {
        Timing::messages_expired_at(self.due)
    }
}
