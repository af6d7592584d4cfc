use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    Error,
    key::Key,
    table::{Item, parse_item},
};
use model::{
    id::{AccountId, EventId, JobId},
    job::{Attempt, AttemptOutcome, ErrorCode, Job, JobError, Lease, Status},
    kind::Rank,
    name::Name,
    time::Time,
};

/// A job's item without its key. Times are in milliseconds since the epoch, except the TTL
/// `expires_at`, which is in seconds.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct JobItem {
    #[serde(default, skip_serializing)]
    pk: String,
    #[serde(default, skip_serializing)]
    sk: String,
    pub kind: Name,
    pub status: Status,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: u8,
    pub attempts: u32,
    pub max_attempts: u32,
    /// Set only if it differs from the time in the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at: Option<i64>,
    /// Queued: earliest claim. Running and in the ready queue: end of the lease. The index projects
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<i64>,
    /// Partition key of the ready queue, while the job is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agenda: Option<String>,
    /// Sort key in the ready queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_started_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<i64>,
    /// TTL, in seconds. `None` while the job is unfinished, so that DynamoDB can't delete it early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// Set only if the item is kept longer than it is visible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_requested: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<String>,
    /// JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
    /// JSON; absent if stored as a separate item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<String>,
    /// JSON; absent if stored as a separate item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    #[serde(default, skip_serializing)]
    pub result_apart: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// Token of the latest claim. It outlives the lease, so that a repeated call is recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_until: Option<i64>,
    /// Failed or cancelled jobs: id of the announced end event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<AttemptItem>,
}

fn is_zero(priority: &u8) -> bool {
    *priority == 0
}

/// An attempt that did not complete its job. Field names are short because they are billed.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AttemptItem {
    n: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<i64>,
    to: i64,
    outcome: AttemptOutcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    http: Option<u16>,
    code: ErrorCode,
    message: String,
}

impl AttemptItem {
    pub fn of(attempt: &Attempt) -> Option<Self> {
        let error = attempt.error.clone()?;
        Some(Self {
            n: attempt.number,
            from: attempt.started_at.map(Time::millis),
            to: attempt.ended_at?.millis(),
            outcome: attempt.outcome,
            http: attempt.http_status,
            code: error.code,
            message: error.message,
        })
    }

    fn attempt(self) -> Attempt {
        Attempt {
            number: self.n,
            started_at: self.from.map(Time::from_millis),
            ended_at: Some(Time::from_millis(self.to)),
            outcome: self.outcome,
            http_status: self.http,
            error: Some(JobError { code: self.code, message: self.message }),
        }
    }
}

impl JobItem {
    /// Item of a job that is not yet claimed.
    pub fn of(job: &Job) -> Self {
        let run_at = Some(job.run_at.millis()).filter(|_| job.run_at != job.created_at());
        Self {
            pk: String::new(),
            sk: String::new(),
            kind: job.kind.clone(),
            status: job.status,
            priority: job.priority,
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            run_at,
            due_at: run_at,
            agenda: None,
            rank: None,
            started_at: None,
            attempt_started_at: None,
            finished_at: None,
            expires_at: None,
            shown_until: None,
            kept_until: job.kept_until.map(Time::millis),
            cancel_requested: None,
            callback_url: job.callback_url.clone(),
            metadata: Some(&job.metadata)
                .filter(|m| !m.is_empty())
                .and_then(|m| serde_json::to_string(m).ok()),
            payload: None,
            result: None,
            result_apart: false,
            error: None,
            owner: None,
            lease_until: None,
            event: None,
            history: Vec::new(),
        }
    }

    /// Adds the job to its kind's ready queue, due at its `run_at`.
    pub fn with_ready_queue(mut self, job: &Job, rank: &Rank) -> Self {
        self.agenda = Some(Key::ready_queue(job.account, &job.kind));
        self.rank = Some(rank.to_string());
        self.due_at = Some(job.run_at.millis());
        self
    }

    pub fn read(item: Item) -> Result<Self, Error> {
        parse_item("a job", item)
    }

    pub fn lease(&self) -> Lease {
        Lease {
            status: self.status,
            attempts: self.attempts,
            max_attempts: self.max_attempts,
            due_at: self.due_at.map(Time::from_millis),
            lease_until: self.lease_until.map(Time::from_millis),
            owner: self.owner.clone(),
            end_event: self.event,
        }
    }

    /// Excludes a result that is stored as a separate item.
    pub fn job(self) -> Result<Job, Error> {
        let corrupt = |why: &str| Error::Corrupt("a job", why.to_owned());
        let id: JobId = self.sk.parse().map_err(|_| corrupt("no job id in key"))?;
        let account: AccountId = self
            .pk
            .split('#')
            .nth(1)
            .and_then(|account| account.parse().ok())
            .ok_or_else(|| corrupt("no account id in key"))?;
        let time = |millis: Option<i64>| millis.map(Time::from_millis);
        let metadata = self.metadata.as_deref().map(serde_json::from_str).transpose();
        let result = self.result.map(RawValue::from_string).transpose();
        let expires_at = time(self.shown_until).or(self.expires_at.map(Time::from_seconds));
        Ok(Job {
            id,
            account,
            kind: self.kind,
            status: self.status,
            priority: self.priority,
            attempts: self.attempts,
            max_attempts: self.max_attempts,
            run_at: time(self.run_at).unwrap_or_else(|| model::id::time_of(&id)),
            started_at: time(self.started_at),
            attempt_started_at: time(self.attempt_started_at),
            finished_at: time(self.finished_at),
            next_attempt_at: time(self.due_at)
                .filter(|_| self.status == Status::Queued && self.attempts > 0),
            // Earlier releases set one on unfinished items.
            expires_at: expires_at.filter(|_| self.status.is_terminal()),
            kept_until: time(self.kept_until),
            cancel_requested: self.cancel_requested.unwrap_or(false),
            callback_url: self.callback_url,
            metadata: metadata.map_err(|_| corrupt("metadata is not JSON"))?.unwrap_or_default(),
            result: result.map_err(|_| corrupt("result is not JSON"))?,
            error: self.error,
            history: self.history.into_iter().map(AttemptItem::attempt).collect(),
        })
    }
}

/// A payload or result stored as a separate item.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Bulk {
    pub json: String,
    pub expires_at: i64,
}

impl Bulk {
    pub fn read(item: Item) -> Result<Box<RawValue>, Error> {
        let Self { json, .. } = parse_item("a payload or result", item)?;
        RawValue::from_string(json)
            .map_err(|e| Error::Corrupt("a payload or result", e.to_string()))
    }
}
