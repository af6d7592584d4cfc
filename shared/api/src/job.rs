use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use model::{
    endpoint::check_address,
    id::{AccountId, JobId},
    job::{Attempt, Job, JobError, Metadata, Payload, Status},
    name::Name,
    time::Time,
    violation::Violation,
};

/// The body of `POST /v1/jobs`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// Name of the kind.
    pub kind: Name,
    /// Payload for the target: any JSON that satisfies the kind's schema. Delivered byte for byte.
    #[schema(value_type = Value)]
    pub payload: Payload,
    /// 0 to 9, where 9 is the highest. Used by kinds with the discipline `priority`.
    #[serde(default)]
    #[schema(maximum = 9, default = 0)]
    pub priority: u8,
    /// Delay until the job is due, in seconds; at most a year. Without it and `run_at`, the job is
    /// due immediately.
    #[serde(default)]
    #[schema(maximum = 31_536_000)]
    pub delay_seconds: Option<u32>,
    /// Time when the job is due, at most a year from now; a past time means now. Mutually exclusive
    /// with `delay_seconds`.
    #[serde(default)]
    pub run_at: Option<Time>,
    /// URL (`https://` or `http://`) that receives the job in a signed `POST`, with retries, when
    /// it is completed, failed or cancelled.
    #[serde(default)]
    #[schema(max_length = 2000, examples("https://example.com/callbacks"))]
    pub callback_url: Option<String>,
    /// Free-form metadata.
    #[serde(default)]
    #[schema(schema_with = model::job::metadata_schema)]
    pub metadata: Metadata,
    /// Account that owns the job; defaults to the key's account. Another account requires the scope
    /// `admin`.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    pub account: Option<AccountId>,
}

/// Longest time until a job is due.
const MAX_DELAY: Duration = Duration::from_secs(365 * 24 * 3600);

/// Requested time of a job's first attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestedStart {
    /// Delay from the time of acceptance.
    After(Duration),
    /// A time; if it is past, the job is due immediately.
    At(Time),
}

impl RequestedStart {
    /// Due time of a job accepted at `now`.
    #[must_use]
    pub fn due_at(self, now: Time) -> Time {
        match self {
            Self::After(delay) => now + delay,
            Self::At(time) => time.max(now),
        }
    }
}

impl JobRequest {
    /// A request for a job that is due immediately, with defaults elsewhere.
    #[must_use]
    pub const fn immediate(kind: Name, payload: Payload) -> Self {
        Self {
            kind,
            payload,
            priority: 0,
            delay_seconds: None,
            run_at: None,
            callback_url: None,
            metadata: Metadata::new(),
            account: None,
        }
    }

    #[must_use]
    pub fn requested_start(&self) -> RequestedStart {
        let delay = Duration::from_secs(self.delay_seconds.unwrap_or(0).into());
        self.run_at.map_or(RequestedStart::After(delay), RequestedStart::At)
    }

    /// Rules that the schema can't express; pointers start with `prefix`.
    #[must_use]
    pub fn violations(&self, prefix: &str, now: Time) -> Vec<Violation> {
        let violation =
            |member: &str, why: String| Violation::new(format!("{prefix}/{member}"), why);
        let mut found = Vec::new();
        if self.run_at.is_some() && self.delay_seconds.is_some() {
            found.push(violation("run_at", "can't be combined with delay_seconds".to_owned()));
        }
        if self.run_at.is_some_and(|at| at > now + MAX_DELAY) {
            found.push(violation("run_at", "must be at most a year from now".to_owned()));
        }
        if let Some(Err(why)) = self.callback_url.as_deref().map(check_address) {
            found.push(violation("callback_url", why.to_string()));
        }
        found
    }
}

/// A job.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobBody {
    /// Job id, which is the token for polling.
    #[schema(value_type = String, examples("job_01kadz9p00e8zsf5wk2c1a2b3c"))]
    pub id: JobId,
    /// Name of the kind.
    pub kind: Name,
    /// Job status.
    pub status: Status,
    /// 0 to 9, where 9 is the highest.
    pub priority: u8,
    /// Number of attempts started.
    pub attempts: u32,
    /// Number of attempts after which the job fails.
    pub max_attempts: u32,
    /// Time of acceptance.
    pub created_at: Time,
    /// Time when the job is first due.
    pub run_at: Time,
    /// Start of the first attempt.
    pub started_at: Option<Time>,
    /// Time when the job reached a terminal status.
    pub finished_at: Option<Time>,
    /// Time of the next attempt, while the job waits for a retry.
    pub next_attempt_at: Option<Time>,
    /// Time of deletion: the kind's retention period after the job finished. Null while it is
    /// unfinished.
    pub expires_at: Option<Time>,
    /// Whether cancellation was requested while the job ran.
    pub cancel_requested: bool,
    /// Metadata from the request.
    #[schema(schema_with = model::job::metadata_schema)]
    pub metadata: Metadata,
    /// Response of the target, once the job is completed.
    #[schema(value_type = Option<Value>)]
    pub result: Option<Box<RawValue>>,
    /// Error of the job, or of its latest attempt.
    pub error: Option<JobError>,
    /// Related resources.
    pub links: Links,
}

/// Related resources.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Links {
    /// URL of the job.
    #[serde(rename = "self")]
    pub this: String,
}

impl JobBody {
    /// The job as shown to a caller; the link to a job of another account includes that account.
    #[must_use]
    pub fn for_caller(caller: AccountId, job: Job) -> Self {
        let account = job.account;
        let mut body = Self::from(job);
        if account != caller {
            body.links.this = format!("{}?account={account}", body.links.this);
        }
        body
    }
}

impl From<Job> for JobBody {
    fn from(job: Job) -> Self {
        Self {
            id: job.id,
            created_at: job.created_at(),
            kind: job.kind,
            status: job.status,
            priority: job.priority,
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            run_at: job.run_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
            next_attempt_at: job.next_attempt_at,
            expires_at: job.expires_at,
            cancel_requested: job.cancel_requested,
            metadata: job.metadata,
            result: job.result,
            error: job.error,
            links: Links { this: format!("/v1/jobs/{}", job.id) },
        }
    }
}

/// Attempts of a job, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attempts {
    /// Attempts. For a job with very many attempts, only the last twenty that failed.
    pub items: Vec<Attempt>,
}
