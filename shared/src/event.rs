//! Events: what happened to an account, in an order that every subscriber sees alike.
//!
//! An event's place is its id's, which begins with the time at which its writer made it. Writers' clocks differ, and a write takes its
//! time: an event may appear behind others that have been read already. So a reader remembers, for the last [`HORIZON`], how far it came in
//! each writer's [`Lane`]; see [`Position`].

mod lane;
mod position;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

pub use lane::{Lane, LaneNumber};
pub use position::{NotAPosition, Position, Start};

use crate::{
    id::{self, AccountId, EventId, JobId},
    job::{JobError, Status},
    name::Name,
    time::Time,
};

/// How many accounts' events are read at once.
pub const MOST_ACCOUNTS: usize = 50;

/// For how long an event is kept, and a reader that was away misses none.
pub const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// The most that an event's data may be, in bytes of JSON.
pub const MAX_DATA_BYTES: usize = 64 * 1024;

/// How old an id may be when its event is begun to be written.
pub const FRESH: Duration = Duration::from_secs(3);

/// How long the write of an event may take. One that takes longer is not accepted, and nobody is told that it was.
pub const WRITING: Duration = Duration::from_secs(2);

/// How young events are held back, so that those of writers whose clocks agree come in the order of their ids.
pub const SETTLING: Duration = Duration::from_millis(250);

/// How far behind the clock of a reader an event can still appear: clocks differ by 2 s, an id is up to [`FRESH`] old when its write
/// begins, the write ends within [`WRITING`], and one that was given up may arrive as late again; and a second to spare.
pub const HORIZON: Duration = Duration::from_secs(2 + FRESH.as_secs() + 2 * WRITING.as_secs() + 1);

/// After how long it is known of an event's first try whether it will ever be there: all of what [`HORIZON`] allows for, with clocks that
/// differ either way.
pub const DECIDED: Duration = Duration::from_secs(15);

/// Something that happened to an account.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its id, and by that its place among the account's events.
    pub id: EventId,
    /// Whose it is.
    pub account: AccountId,
    /// What happened.
    pub content: Content,
}

/// What an event tells.
#[derive(Clone, Debug)]
pub struct Content {
    /// What sort of event it is.
    pub r#type: EventType,
    /// What there is to know: JSON, as it came.
    pub data: Box<RawValue>,
    /// Where it came from: what the client says, or the name of its key; of an event about a job, the job's kind.
    pub source: String,
}

/// What sorts of events there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum EventType {
    /// Data that the account published.
    #[serde(rename = "data")]
    Data,
    /// A job completed.
    #[serde(rename = "job.completed")]
    JobCompleted,
    /// A job failed for good.
    #[serde(rename = "job.failed")]
    JobFailed,
    /// A job was cancelled.
    #[serde(rename = "job.cancelled")]
    JobCancelled,
    /// A quota's threshold was reached.
    #[serde(rename = "quota.crossed")]
    QuotaCrossed,
    /// It isn't any more.
    #[serde(rename = "quota.resolved")]
    QuotaResolved,
}

impl EventType {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::JobCompleted => "job.completed",
            Self::JobFailed => "job.failed",
            Self::JobCancelled => "job.cancelled",
            Self::QuotaCrossed => "quota.crossed",
            Self::QuotaResolved => "quota.resolved",
        }
    }
}

/// Why this can't be the data of an event, if it can't: nothing is told by null, an empty text, list or object, and there is a limit.
#[must_use]
pub fn unfit(data: &RawValue) -> Option<String> {
    let text = data.get().trim();
    let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    let empty =
        text == "null" || (text.starts_with(['"', '[', '{']) && inner.trim_ascii().is_empty());
    // A text of blanks is one all the same.
    if empty && (inner.is_empty() || !text.starts_with('"')) {
        return Some("is empty".to_owned());
    }
    (text.len() > MAX_DATA_BYTES).then(|| format!("is over {MAX_DATA_BYTES} bytes"))
}

impl Event {
    /// When its writer made it.
    #[must_use]
    pub fn time(&self) -> Time {
        id::time_of(&self.id)
    }
}

impl Content {
    /// What an account published.
    #[must_use]
    pub const fn data(data: Box<RawValue>, source: String) -> Self {
        Self { r#type: EventType::Data, data, source }
    }

    /// That a job of a kind reached a terminal status; nothing where it isn't one.
    #[must_use]
    pub fn of_end(
        job: JobId,
        kind: &Name,
        status: Status,
        error: Option<&JobError>,
    ) -> Option<Self> {
        #[derive(Serialize)]
        struct End<'a> {
            job_id: JobId,
            kind: &'a Name,
            status: Status,
            error: Option<&'a JobError>,
        }
        let r#type = match status {
            Status::Completed => EventType::JobCompleted,
            Status::Failed => EventType::JobFailed,
            Status::Cancelled => EventType::JobCancelled,
            Status::Queued | Status::Running => return None,
        };
        let data = to_raw_value(&End { job_id: job, kind, status, error }).ok()?;
        Some(Self { r#type, data, source: kind.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::registry::EVENTS_PUBLISHED;

    #[test]
    fn a_type_has_one_name() {
        for r#type in [
            EventType::Data,
            EventType::JobCompleted,
            EventType::JobFailed,
            EventType::JobCancelled,
            EventType::QuotaCrossed,
            EventType::QuotaResolved,
        ] {
            assert_eq!(serde_json::to_value(r#type).unwrap(), r#type.as_str());
            assert!(EVENTS_PUBLISHED.known.contains(&r#type.as_str()));
        }
    }

    #[test]
    fn data_tells_something() {
        let unfit = |text: &str| unfit(&RawValue::from_string(text.to_owned()).unwrap());
        for empty in ["null", "\"\"", "[]", "{}", "[ ]", "{\n}"] {
            assert_eq!(unfit(empty).as_deref(), Some("is empty"), "{empty}");
        }
        for good in ["0", "7", "false", "\" \"", "[null]", "{\"\":0}"] {
            assert_eq!(unfit(good), None, "{good}");
        }
        let digits = |n| "1".repeat(n);
        assert!(
            unfit(&digits(MAX_DATA_BYTES)).is_none()
                && unfit(&digits(MAX_DATA_BYTES + 1)).is_some()
        );
    }
}
