//! Events of an account, in an order that is the same for all subscribers.
//!
//! Events are ordered by id, and an id starts with its writer's timestamp. Writers' clocks differ
//! and writes take time, so an event may become visible behind others that were already read. A
//! reader therefore records, for the last [`ALLOWED_LATENESS`], how far it has read each
//! [`WriterStream`]; see [`ReadCursor`].

mod read_cursor;
mod writer_stream;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

pub use read_cursor::{InvalidCursor, ReadCursor, ReadFrom};
pub use writer_stream::{StreamId, WriterStream};

use crate::{
    id::{self, AccountId, EventId, JobId},
    job::{JobError, Status},
    name::Name,
    time::Time,
};

/// Maximum number of accounts in one read.
pub const MAX_ACCOUNTS: usize = 50;

/// Retention of an event. A reader that was offline for less misses none.
pub const RETENTION: Duration = Duration::from_secs(7 * 24 * 3600);

/// Maximum size of an event's data, in bytes of JSON.
pub const MAX_DATA_BYTES: usize = 64 * 1024;

/// Maximum age of an id when the write of its event starts.
pub const MAX_ID_AGE: Duration = Duration::from_secs(3);

/// Timeout of an event's write. A write that takes longer is reported as failed.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

/// Events younger than this are held back, so that events of writers with synchronous clocks are
/// delivered in the order of their ids.
pub const REORDER_WINDOW: Duration = Duration::from_millis(250);

/// Allowed lateness: how far behind the reader's clock an event can still become visible. The sum
/// of 2 s clock skew, the id's age at the start of the write ([`MAX_ID_AGE`]), twice
/// [`WRITE_TIMEOUT`], and 1 s reserve. [`WRITE_TIMEOUT`] counts twice because an abandoned write
/// may take effect that much later.
pub const ALLOWED_LATENESS: Duration =
    Duration::from_secs(2 + MAX_ID_AGE.as_secs() + 2 * WRITE_TIMEOUT.as_secs() + 1);

/// Time after which the result of an event's first write is final: everything that
/// [`ALLOWED_LATENESS`] includes, with clock skew in either direction.
pub const WRITE_FINAL_AFTER: Duration = Duration::from_secs(15);

/// Something that happened to an account.
#[derive(Clone, Debug)]
pub struct Event {
    /// Determines the position among the account's events.
    pub id: EventId,
    pub account: AccountId,
    pub content: Content,
}

/// Type, data and source of an event.
#[derive(Clone, Debug)]
pub struct Content {
    pub r#type: EventType,
    /// JSON, byte for byte as received.
    pub data: Box<RawValue>,
    /// Origin: the source given by the client, or the name of its key. For an event about a job,
    /// the job's kind.
    pub source: String,
}

/// Type of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum EventType {
    /// Data published by the account.
    #[serde(rename = "data")]
    Data,
    /// A job completed.
    #[serde(rename = "job.completed")]
    JobCompleted,
    /// A job failed permanently.
    #[serde(rename = "job.failed")]
    JobFailed,
    /// A job was cancelled.
    #[serde(rename = "job.cancelled")]
    JobCancelled,
    /// A quota's threshold was reached.
    #[serde(rename = "quota.crossed")]
    QuotaCrossed,
    /// A quota's usage is below the threshold again.
    #[serde(rename = "quota.resolved")]
    QuotaResolved,
}

impl EventType {
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

/// Why the JSON is not valid as an event's data, if it is not: null, empty strings, lists and
/// objects carry no information, and the size is limited.
#[must_use]
pub fn data_violation(data: &RawValue) -> Option<String> {
    let text = data.get().trim();
    let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
    let empty =
        text == "null" || (text.starts_with(['"', '[', '{']) && inner.trim_ascii().is_empty());
    // A string of blanks is not empty.
    if empty && (inner.is_empty() || !text.starts_with('"')) {
        return Some("must not be empty".to_owned());
    }
    (text.len() > MAX_DATA_BYTES).then(|| format!("must be at most {MAX_DATA_BYTES} bytes"))
}

impl Event {
    /// The writer's timestamp.
    #[must_use]
    pub fn time(&self) -> Time {
        id::time_of(&self.id)
    }
}

impl Content {
    /// An event published by the account.
    #[must_use]
    pub const fn data(data: Box<RawValue>, source: String) -> Self {
        Self { r#type: EventType::Data, data, source }
    }

    /// An event about a job's terminal status; `None` if the status is not terminal.
    #[must_use]
    pub fn for_ended_job(
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

    #[test]
    fn type_names_match_their_serialization() {
        for r#type in [
            EventType::Data,
            EventType::JobCompleted,
            EventType::JobFailed,
            EventType::JobCancelled,
            EventType::QuotaCrossed,
            EventType::QuotaResolved,
        ] {
            assert_eq!(serde_json::to_value(r#type).unwrap(), r#type.as_str());
        }
    }

    #[test]
    fn empty_or_oversized_data_is_rejected() {
        let unfit = |text: &str| data_violation(&RawValue::from_string(text.to_owned()).unwrap());
        for empty in ["null", "\"\"", "[]", "{}", "[ ]", "{\n}"] {
            assert_eq!(unfit(empty).as_deref(), Some("must not be empty"), "{empty}");
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
