//! Jobs: one request of a kind, from acceptance to a terminal status.
//!
//! ```text
//!            claim                    Complete
//!  queued ──────────▶ running ─────────────────▶ completed
//!    ▲  │                │ │   Fail, or attempts
//!    │  │     Retry      │ │   used up
//!    │  └────◀───────────┘ └───────────────────▶ failed
//!    │  │                │
//!    │  │ cancel         │ cancel, seen by the worker
//!    │  └───────────────▶┴─────────────────────▶ cancelled
//!    └── retry (of failed and cancelled jobs)
//! ```

mod attempt;
mod claim;
mod completion_times;
pub mod due;
mod message;
mod policy;
pub mod ready_queue;
pub mod reconcile;
pub mod rescue;
pub mod scan;
mod status;
mod timing;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

pub use attempt::{Attempt, AttemptOutcome, ErrorCode, JobError, Outcome};
pub use claim::{ClaimDenied, EndedBy, Lease, claim_denied};
pub use completion_times::{CompletionTimes, retry_after};
pub use message::{End, Ended, InvalidMessage, JobMessage, Message, ScheduledRun};
pub use policy::RetryPolicy;
pub use status::Status;
pub use timing::{QUEUE_RETENTION, RECEIVES_DIVISOR, Timing};

use crate::{
    id::{self, AccountId, JobId},
    name::Name,
    time::Time,
};

/// Largest result kept, in bytes of JSON. A larger one fails the job with `result-too-large`.
pub const MAX_RESULT_BYTES: usize = 64 * 1024;

/// Names and values a client attaches to a job. They are returned unchanged.
pub type Metadata = BTreeMap<String, String>;

/// OpenAPI schema of [`Metadata`], shared by all request bodies that carry it.
pub fn metadata_schema() -> utoipa::openapi::Schema {
    use utoipa::openapi::schema::{ObjectBuilder, Type};
    let about = "Names and values returned with the job: at most 16, names of at most 40 \
                 characters, values of at most 256.";
    ObjectBuilder::new()
        .description(Some(about))
        .max_properties(Some(16))
        .property_names(Some(ObjectBuilder::new().schema_type(Type::String).max_length(Some(40))))
        .additional_properties(Some(
            ObjectBuilder::new().schema_type(Type::String).max_length(Some(256)),
        ))
        .into()
}

/// A job's current state, without its payload.
#[derive(Clone, Debug)]
pub struct Job {
    /// Also the client's token. Its timestamp is the time of acceptance.
    pub id: JobId,
    pub account: AccountId,
    pub kind: Name,
    pub status: Status,
    /// 0 to 9, highest first. Only kinds with the discipline `priority` use it.
    pub priority: u8,
    /// Number of attempts started.
    pub attempts: u32,
    pub max_attempts: u32,
    /// When the first attempt is due.
    pub run_at: Time,
    /// Start of the first attempt.
    pub started_at: Option<Time>,
    /// Start of the latest attempt.
    pub attempt_started_at: Option<Time>,
    /// When the job reached a terminal status.
    pub finished_at: Option<Time>,
    /// When the next attempt is due; set only while the job waits for a retry.
    pub next_attempt_at: Option<Time>,
    /// The job is no longer visible from this time on. `None` while it is unfinished: it then never
    /// expires.
    pub expires_at: Option<Time>,
    /// The item is stored until this time, even after the job has expired, because an idempotency
    /// record refers to it. A repeated request must find that the job was created.
    pub kept_until: Option<Time>,
    /// Whether cancellation was requested while the job ran.
    pub cancel_requested: bool,
    pub callback_url: Option<String>,
    pub metadata: Metadata,
    /// The target's response, if the job completed: JSON, byte for byte.
    pub result: Option<Box<RawValue>>,
    /// Error of the latest failed attempt. For a failed job, the reason of the failure.
    pub error: Option<JobError>,
    /// The last [`Attempt::MAX_HISTORY`] attempts that did not complete the job, oldest first.
    pub history: Vec<Attempt>,
}

impl Job {
    /// A queued job without attempts, due at `run_at`, with priority 0 and without metadata and
    /// callback.
    #[must_use]
    pub fn queued(
        id: JobId,
        account: AccountId,
        kind: Name,
        max_attempts: u32,
        run_at: Time,
    ) -> Self {
        Self {
            id,
            account,
            kind,
            status: Status::Queued,
            priority: 0,
            attempts: 0,
            max_attempts,
            run_at,
            started_at: None,
            attempt_started_at: None,
            finished_at: None,
            next_attempt_at: None,
            expires_at: None,
            kept_until: None,
            cancel_requested: false,
            callback_url: None,
            metadata: Metadata::new(),
            result: None,
            error: None,
            history: Vec::new(),
        }
    }

    /// Whether the job is visible (not expired) at `now`.
    #[must_use]
    pub fn is_visible(&self, now: Time) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// The queue message for the job's next attempt.
    #[must_use]
    pub fn message(&self) -> JobMessage {
        JobMessage {
            attempts: self.attempts,
            ..JobMessage::new(self.account, self.id, self.kind.clone())
        }
    }

    #[must_use]
    pub fn created_at(&self) -> Time {
        id::time_of(&self.id)
    }

    /// The job in its state at acceptance. The response to a repeated request equals the first
    /// response.
    #[must_use]
    pub fn as_accepted(self) -> Self {
        let Self { priority, kept_until, callback_url, metadata, .. } = self;
        let accepted =
            Self::queued(self.id, self.account, self.kind, self.max_attempts, self.run_at);
        Self { priority, kept_until, callback_url, metadata, ..accepted }
    }

    /// All known attempts, oldest first: the history, lost attempts, and the attempt that completed
    /// the job or is running.
    #[must_use]
    pub fn all_attempts(&self) -> Vec<Attempt> {
        let latest = match self.status {
            Status::Running => Some(AttemptOutcome::Running),
            Status::Completed => Some(AttemptOutcome::Completed),
            Status::Queued | Status::Failed | Status::Cancelled => None,
        };
        let latest = latest.map(|outcome| Attempt {
            number: self.attempts,
            started_at: self.attempt_started_at,
            ended_at: self.finished_at,
            outcome,
            http_status: None,
            error: None,
        });
        // A full history has dropped its oldest attempts. Any other gap is an attempt whose worker
        // never recorded a result.
        let full = self.history.len() >= Attempt::MAX_HISTORY;
        let mut next = self.history.first().filter(|_| full).map_or(1, |attempt| attempt.number);
        let mut made = Vec::new();
        for attempt in self.history.iter().cloned().chain(latest) {
            made.extend((next..attempt.number).map(Attempt::lost));
            next = attempt.number + 1;
            made.push(attempt);
        }
        made.extend((next..=self.attempts).map(Attempt::lost));
        made
    }
}

/// The payload, byte for byte as the client sent it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Payload(pub Box<RawValue>);

impl Payload {
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}
