use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Job;
use crate::time::Time;

/// What an attempt comes to. Only the worker's `settle` turns it into calls.
#[derive(Debug)]
pub enum Outcome {
    /// The target took the job; this is its answer.
    Complete(Box<RawValue>),
    /// It may work later: after `after`, or when the retry policy says if the target didn't.
    Retry {
        /// The wait that the target asked for.
        after: Option<Duration>,
        /// What went wrong.
        error: JobError,
        /// The target's HTTP status, if it answered.
        http_status: Option<u16>,
    },
    /// It will never work.
    Fail {
        /// What is wrong.
        error: JobError,
        /// The target's HTTP status, if it answered.
        http_status: Option<u16>,
    },
    /// Its client called it off, and the worker saw that in time.
    Cancel,
}

/// Why an attempt, or with it the job, failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobError {
    /// For programs.
    pub code: ErrorCode,
    /// For people.
    #[schema(examples("the target answered 503"))]
    pub message: String,
}

impl JobError {
    /// An error with its message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The target answered with a status that isn't 2xx.
    TargetStatus,
    /// The target didn't answer in the kind's `timeout_seconds`.
    TargetTimeout,
    /// The target couldn't be reached, or broke off its answer.
    TargetUnreachable,
    /// The target's address is private, loopback or link-local, and this stack doesn't allow those.
    TargetForbidden,
    /// The target's answer is over 64 KiB.
    ResultTooLarge,
    /// A row isn't as one of the payload's activities needs it, so none of them was applied.
    RowConflict,
    /// The payload isn't one that the kind's target can take; the kind had another target when the job was accepted.
    PayloadInvalid,
    /// The job's kind is no longer defined.
    KindUnknown,
    /// The job's kind is disabled, since its target answered 410.
    KindDisabled,
    /// Every worker that took the job on died or ran out of time.
    WorkerCrashed,
    /// Tollgate itself couldn't take the job to its target.
    GatewayUnavailable,
    /// Its client called it off while it ran.
    Cancelled,
}

impl ErrorCode {
    /// As it stands on the wire.
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

/// One run of a job at its target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    /// When a worker claimed the job; null if that worker crashed.
    pub started_at: Option<Time>,
    /// When it ended; null while it runs, or if its worker crashed.
    pub ended_at: Option<Time>,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// The target's HTTP status, if there was an answer and the attempt didn't complete the job.
    pub http_status: Option<u16>,
    /// What went wrong.
    pub error: Option<JobError>,
}

impl Attempt {
    /// How many a job remembers: enough for the default policy twice, and bounded, since they live in the job's item.
    pub const KEPT: usize = 20;

    /// One that was begun, and of which nothing else is known.
    #[must_use]
    pub const fn lost(number: u32) -> Self {
        let outcome = AttemptOutcome::Crashed;
        Self { number, started_at: None, ended_at: None, outcome, http_status: None, error: None }
    }

    /// The attempt that a job's worker died in, as far as it is known when that comes to light at `now`.
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

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// It is under way.
    Running,
    /// It completed the job.
    Completed,
    /// The job is tried again.
    Retried,
    /// The job failed with it.
    Failed,
    /// It was broken off, since the job was cancelled.
    Cancelled,
    /// Its worker died or ran out of time before it could tell.
    Crashed,
}
