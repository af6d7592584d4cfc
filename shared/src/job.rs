//! Jobs: one request of a kind, from its acceptance to its outcome.
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

pub mod agenda;
mod attempt;
pub mod audit;
mod claim;
pub mod due;
mod message;
mod pace;
mod policy;
pub mod rescue;
mod status;
mod timing;
pub mod walk;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

pub use attempt::{Attempt, AttemptOutcome, ErrorCode, JobError, Outcome};
pub use claim::{By, Lease, Refusal, refusal};
pub use message::{End, Ended, JobMessage, Message, NotAMessage, ScheduledRun};
pub use pace::{Pace, retry_after};
pub use policy::RetryPolicy;
pub use status::Status;
pub use timing::{QUEUE_RETENTION, RECEIVES_SHARE, Timing};

use crate::{
    id::{self, AccountId, JobId},
    name::Name,
    time::Time,
};

/// The largest result of a target that is kept, in bytes of JSON; a larger one fails the job.
pub const MAX_RESULT_BYTES: usize = 64 * 1024;

/// What a client may attach to a job: names and values of its own, given back as they were.
pub type Metadata = BTreeMap<String, String>;

/// What [`Metadata`] may be, wherever a body carries it.
pub(crate) fn metadata_schema() -> utoipa::openapi::Schema {
    use utoipa::openapi::schema::{ObjectBuilder, Type};
    let about = "Notes of your own, given back with the job: at most 16, names of at most 40 characters, values of at most 256.";
    ObjectBuilder::new()
        .description(Some(about))
        .max_properties(Some(16))
        .property_names(Some(ObjectBuilder::new().schema_type(Type::String).max_length(Some(40))))
        .additional_properties(Some(
            ObjectBuilder::new().schema_type(Type::String).max_length(Some(256)),
        ))
        .into()
}

/// A job as it stands, without its payload.
#[derive(Clone, Debug)]
pub struct Job {
    /// The client's token; its time is when the job was accepted.
    pub id: JobId,
    /// Whose it is.
    pub account: AccountId,
    /// What it is.
    pub kind: Name,
    /// Where it stands.
    pub status: Status,
    /// 0 to 9; 9 goes first, where the kind's discipline is `priority`.
    pub priority: u8,
    /// How many attempts have begun.
    pub attempts: u32,
    /// After how many attempts it fails.
    pub max_attempts: u32,
    /// When it is due for the first time.
    pub run_at: Time,
    /// When its first attempt began.
    pub started_at: Option<Time>,
    /// When its latest attempt began.
    pub attempt_started_at: Option<Time>,
    /// When it reached a terminal status.
    pub finished_at: Option<Time>,
    /// When it is tried again, while it waits for that.
    pub next_attempt_at: Option<Time>,
    /// From when on it is no longer shown. None while it is unfinished: then it never expires.
    pub expires_at: Option<Time>,
    /// Until when its item is kept, though no longer shown, because an idempotency record names it: a repeated request has to find
    /// that the job was made.
    pub kept_until: Option<Time>,
    /// Whether its cancellation was asked for while it ran.
    pub cancel_requested: bool,
    /// Who is told of its end.
    pub callback_url: Option<String>,
    /// The client's own notes.
    pub metadata: Metadata,
    /// What the target answered, if it completed. JSON, as it came.
    pub result: Option<Box<RawValue>>,
    /// Why it failed, or why its latest attempt did.
    pub error: Option<JobError>,
    /// What became of its attempts that didn't complete it, oldest first, the last [`Attempt::KEPT`] of them.
    pub history: Vec<Attempt>,
}

impl Job {
    /// A job that waits for its first attempt, due at `run_at`; without priority, notes and callback.
    #[must_use]
    pub fn waiting(
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

    /// Whether it is still shown at `now`.
    #[must_use]
    pub fn is_shown(&self, now: Time) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// The message that sends it on its way.
    #[must_use]
    pub fn message(&self) -> JobMessage {
        JobMessage {
            attempts: self.attempts,
            ..JobMessage::new(self.account, self.id, self.kind.clone())
        }
    }

    /// When the job was accepted.
    #[must_use]
    pub fn created_at(&self) -> Time {
        id::time_of(&self.id)
    }

    /// The job as it stood when it was accepted, for answering a repeated request as the first was answered.
    #[must_use]
    pub fn as_accepted(self) -> Self {
        let Self { priority, kept_until, callback_url, metadata, .. } = self;
        let accepted =
            Self::waiting(self.id, self.account, self.kind, self.max_attempts, self.run_at);
        Self { priority, kept_until, callback_url, metadata, ..accepted }
    }

    /// Every attempt that is known, oldest first: those kept in the history, and the one that completed the job or runs.
    #[must_use]
    pub fn attempts_made(&self) -> Vec<Attempt> {
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
        // A full history has forgotten its beginning; any other gap is an attempt whose worker told nothing any more.
        let full = self.history.len() >= Attempt::KEPT;
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

/// What a target gets of a job: the payload, byte for byte as the client sent it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Payload(pub Box<RawValue>);

impl Payload {
    /// The payload's JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }
}
