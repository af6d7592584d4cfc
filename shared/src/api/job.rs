use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    endpoint::check_address,
    id::{AccountId, JobId},
    job::{Attempt, Job, JobError, Metadata, Payload, Status},
    name::Name,
    schema::Violation,
    time::Time,
};

/// The body of `POST /v1/jobs`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    /// What the job is: the name of a kind.
    pub kind: Name,
    /// What the target is to get, any JSON that the kind's schema allows. It arrives byte for byte as it was sent.
    #[schema(value_type = Value)]
    pub payload: Payload,
    /// 0 to 9; 9 goes first, where the kind's discipline is `priority`.
    #[serde(default)]
    #[schema(maximum = 9, default = 0)]
    pub priority: u8,
    /// In how many seconds it is due, at most a year; without it and `run_at` it is due at once.
    #[serde(default)]
    #[schema(maximum = 31_536_000)]
    pub delay_seconds: Option<u32>,
    /// When it is due, at most a year from now; a time that has passed is now. Not together with `delay_seconds`.
    #[serde(default)]
    pub run_at: Option<Time>,
    /// Who is told when it is completed, failed or cancelled: by a signed `POST` of the job, with retries, at an `https://` or `http://`
    /// address.
    #[serde(default)]
    #[schema(max_length = 2000, examples("https://example.com/callbacks"))]
    pub callback_url: Option<String>,
    /// Notes of your own.
    #[serde(default)]
    #[schema(schema_with = crate::job::metadata_schema)]
    pub metadata: Metadata,
    /// For whom, if not for the key's own account. Only for `admin`.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    pub account: Option<AccountId>,
}

/// How far ahead a job can be due.
const FURTHEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// When a job is to be run, as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// So long after it is accepted.
    After(Duration),
    /// Then, or at once if that has passed.
    At(Time),
}

impl Start {
    /// When the job is due, if it is accepted at `now`.
    #[must_use]
    pub fn due(self, now: Time) -> Time {
        match self {
            Self::After(delay) => now + delay,
            Self::At(time) => time.max(now),
        }
    }
}

impl JobRequest {
    /// A job that is due at once, and nothing else is said of it.
    #[must_use]
    pub const fn plain(kind: Name, payload: Payload) -> Self {
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

    /// When the job is to be run.
    #[must_use]
    pub fn start(&self) -> Start {
        let delay = Duration::from_secs(self.delay_seconds.unwrap_or(0).into());
        self.run_at.map_or(Start::After(delay), Start::At)
    }

    /// Everything that is wrong with it that its schema can't say, with pointers below `prefix`.
    #[must_use]
    pub fn violations(&self, prefix: &str, now: Time) -> Vec<Violation> {
        let violation =
            |member: &str, why: String| Violation::new(format!("{prefix}/{member}"), why);
        let mut found = Vec::new();
        if self.run_at.is_some() && self.delay_seconds.is_some() {
            found
                .push(violation("run_at", "can't be given together with delay_seconds".to_owned()));
        }
        if self.run_at.is_some_and(|at| at > now + FURTHEST) {
            found.push(violation("run_at", "is more than a year from now".to_owned()));
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
    /// The token to ask for it with.
    #[schema(value_type = String, examples("job_01kadz9p00e8zsf5wk2c1a2b3c"))]
    pub id: JobId,
    /// What it is.
    pub kind: Name,
    /// Where it stands.
    pub status: Status,
    /// 0 to 9.
    pub priority: u8,
    /// How many attempts have begun.
    pub attempts: u32,
    /// After how many attempts it fails.
    pub max_attempts: u32,
    /// When it was accepted.
    pub created_at: Time,
    /// When it is due for the first time.
    pub run_at: Time,
    /// When its first attempt began.
    pub started_at: Option<Time>,
    /// When it reached a terminal status.
    pub finished_at: Option<Time>,
    /// When it is tried again, while it waits for that.
    pub next_attempt_at: Option<Time>,
    /// When it is deleted: the kind's retention after it finished. `null` while it is unfinished.
    pub expires_at: Option<Time>,
    /// Whether its cancellation was asked for while it ran.
    pub cancel_requested: bool,
    /// Your own notes.
    #[schema(schema_with = crate::job::metadata_schema)]
    pub metadata: Metadata,
    /// What the target answered, once it is completed.
    #[schema(value_type = Option<Value>)]
    pub result: Option<Box<RawValue>>,
    /// Why it failed, or why its latest attempt did.
    pub error: Option<JobError>,
    /// Where to look next.
    pub links: Links,
}

/// Where to look next.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Links {
    /// The job itself.
    #[serde(rename = "self")]
    pub this: String,
}

impl JobBody {
    /// A job as a caller of this account is shown it: a link to another account's names that.
    #[must_use]
    pub fn shown_to(caller: AccountId, job: Job) -> Self {
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

/// What each attempt at a job did, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attempts {
    /// The attempts; of a job that was tried very often, the last twenty that failed.
    pub items: Vec<Attempt>,
}
