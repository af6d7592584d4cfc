use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Job;
use crate::time::Time;

/// Result of an attempt. Only the worker's `finish` module acts on it.
#[derive(Debug)]
pub enum Outcome {
    /// The target accepted the job with this response.
    Complete(Box<RawValue>),
    /// Temporary failure. Retry after `after` if the target set it, else after the retry policy's
    /// backoff.
    Retry {
        /// Delay requested by the target (`Retry-After`).
        after: Option<Duration>,
        error: JobError,
        /// The target's HTTP status, if it responded.
        http_status: Option<u16>,
    },
    /// Permanent failure.
    Fail {
        error: JobError,
        /// The target's HTTP status, if it responded.
        http_status: Option<u16>,
    },
    /// The client cancelled the job and the worker noticed in time.
    Cancel,
}

/// Why an attempt failed; for a failed job, why the job failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobError {
    /// Machine-readable code.
    pub code: ErrorCode,
    /// Human-readable description.
    #[schema(examples("target responded with 503"))]
    pub message: String,
}

impl JobError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Error codes of attempts and jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The target responded with a status other than 2xx.
    TargetStatus,
    /// The target did not respond within the kind's `timeout_seconds`.
    TargetTimeout,
    /// The target was unreachable or closed the connection before its response was complete.
    TargetUnreachable,
    /// The target's address is private, loopback or link-local, and this stack does not allow
    /// those.
    TargetForbidden,
    /// The target's response is larger than 64 KiB.
    ResultTooLarge,
    /// A row does not meet the condition of one of the payload's activities; none of them was
    /// applied.
    RowConflict,
    /// The payload is not valid for the kind's target; the kind had another target when the job was
    /// accepted.
    PayloadInvalid,
    /// The job's kind is no longer defined.
    KindUnknown,
    /// The job's kind is disabled because its target responded with 410.
    KindDisabled,
    /// Every worker that claimed the job crashed or timed out.
    WorkerCrashed,
    /// Tollgate could not deliver the job to its target.
    GatewayUnavailable,
    /// The client cancelled the job while it ran.
    Cancelled,
}

impl ErrorCode {
    /// The wire name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TargetStatus => "target-status",
            Self::TargetTimeout => "target-timeout",
            Self::TargetUnreachable => "target-unreachable",
            Self::TargetForbidden => "target-forbidden",
            Self::ResultTooLarge => "result-too-large",
            Self::RowConflict => "row-conflict",
            Self::PayloadInvalid => "payload-invalid",
            Self::KindUnknown => "kind-unknown",
            Self::KindDisabled => "kind-disabled",
            Self::WorkerCrashed => "worker-crashed",
            Self::GatewayUnavailable => "gateway-unavailable",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One delivery of a job to its target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attempt {
    /// Attempt number, starting at 1.
    pub number: u32,
    /// When a worker claimed the job; null if that worker crashed.
    pub started_at: Option<Time>,
    /// When the attempt ended; null while it runs, or if its worker crashed.
    pub ended_at: Option<Time>,
    /// Result of the attempt.
    pub outcome: AttemptOutcome,
    /// The target's HTTP status, if it responded and the attempt did not complete the job.
    pub http_status: Option<u16>,
    /// Error of the attempt, if it failed.
    pub error: Option<JobError>,
}

impl Attempt {
    /// Attempts kept in a job's history: more than two runs of the default policy. The bound limits
    /// the size of the job's item, which holds the history.
    pub const MAX_HISTORY: usize = 20;

    /// An attempt that was started and left no other record.
    #[must_use]
    pub const fn lost(number: u32) -> Self {
        let outcome = AttemptOutcome::Crashed;
        Self { number, started_at: None, ended_at: None, outcome, http_status: None, error: None }
    }

    /// The attempt during which the worker crashed, as detected at `now`.
    #[must_use]
    pub fn crashed(job: &Job, error: JobError, now: Time) -> Self {
        Self {
            number: job.attempts,
            started_at: job.attempt_started_at,
            ended_at: Some(now),
            outcome: AttemptOutcome::Failed,
            http_status: None,
            error: Some(error),
        }
    }
}

/// Result of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// In progress.
    Running,
    /// It completed the job.
    Completed,
    /// It failed and the job is retried.
    Retried,
    /// It failed, and so did the job.
    Failed,
    /// It was aborted because the job was cancelled.
    Cancelled,
    /// Its worker crashed or timed out before it recorded a result.
    Crashed,
}
