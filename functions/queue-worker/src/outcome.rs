//! Outcomes of attempts, and the writes that follow from them.

use model::{
    job::{Attempt, AttemptOutcome, ErrorCode, JobError, MAX_RESULT_BYTES, Outcome, RetryPolicy},
    kind::KindSpec,
    time::Time,
};
use serde_json::value::RawValue;
use store::AttemptEnd;

use crate::context::RunningAttempt;

/// A failure that another attempt may fix.
pub fn retry(code: ErrorCode, message: &str) -> Outcome {
    Outcome::Retry { after: None, error: JobError::new(code, message), http_status: None }
}

/// A failure that no further attempt can fix.
pub fn fail(code: ErrorCode, message: &str) -> Outcome {
    Outcome::Fail { error: JobError::new(code, message), http_status: None }
}

/// The target's address is private, which this stack doesn't allow.
pub fn not_allowed() -> Outcome {
    fail(
        ErrorCode::TargetForbidden,
        "the target's address is private, which this gateway does not allow",
    )
}

#[derive(Debug)]
pub struct Decision {
    pub ending: AttemptEnd,
    pub outcome: AttemptOutcome,
    pub code: Option<ErrorCode>,
    /// When the job is due again; `None` if it ended.
    pub due: Option<Time>,
}

/// Pure: the writes that follow from an attempt's outcome at `now`. `random` in `[0, 1)` is the
/// jitter of retry delays.
pub fn decide(attempt: &RunningAttempt, outcome: Outcome, now: Time, random: f64) -> Decision {
    let job = &attempt.claimed.job;
    match outcome {
        Outcome::Complete(result) if too_large(&result) => {
            let message = format!("the result must be at most {MAX_RESULT_BYTES} bytes");
            failed(attempt, JobError::new(ErrorCode::ResultTooLarge, message), None, now)
        }
        Outcome::Complete(result) => Decision {
            outcome: AttemptOutcome::Completed,
            code: None,
            due: None,
            ending: AttemptEnd::Completed { result, expires_at: expires_at(attempt, now) },
        },
        Outcome::Fail { error, http_status } => failed(attempt, error, http_status, now),
        Outcome::Cancel => cancelled(attempt, now),
        Outcome::Retry { error, http_status, .. } if job.attempts >= job.max_attempts => {
            failed(attempt, error, http_status, now)
        }
        Outcome::Retry { after, error, http_status } => {
            let policy = attempt
                .kind
                .as_deref()
                .map_or_else(RetryPolicy::default, |kind| kind.kind.spec.retry);
            let delay = after.map_or_else(
                || policy.delay(job.attempts, random),
                |requested| policy.clamp_retry_after(requested),
            );
            retried(attempt, error, http_status, now + delay, now)
        }
    }
}

fn failed(
    attempt: &RunningAttempt,
    error: JobError,
    http_status: Option<u16>,
    now: Time,
) -> Decision {
    Decision {
        outcome: AttemptOutcome::Failed,
        code: Some(error.code),
        due: None,
        ending: AttemptEnd::Failed {
            attempt: record(attempt, AttemptOutcome::Failed, error, http_status, now),
            expires_at: expires_at(attempt, now),
        },
    }
}

fn cancelled(attempt: &RunningAttempt, now: Time) -> Decision {
    let error = JobError::new(ErrorCode::Cancelled, "cancelled while running");
    Decision {
        outcome: AttemptOutcome::Cancelled,
        code: Some(ErrorCode::Cancelled),
        due: None,
        ending: AttemptEnd::Cancelled {
            attempt: record(attempt, AttemptOutcome::Cancelled, error, None, now),
            expires_at: expires_at(attempt, now),
        },
    }
}

fn retried(
    attempt: &RunningAttempt,
    error: JobError,
    http_status: Option<u16>,
    due_at: Time,
    now: Time,
) -> Decision {
    Decision {
        outcome: AttemptOutcome::Retried,
        code: Some(error.code),
        due: Some(due_at),
        ending: AttemptEnd::Queued {
            attempt: record(attempt, AttemptOutcome::Retried, error, http_status, now),
            due_at,
            // The next message may arrive before this write and be used for another job. Other
            // permits then have to find this job in the ready queue.
            listed: attempt.from_ready_queue && due_at < attempt.lease_until,
        },
    }
}

/// The attempt as stored with its job.
fn record(
    attempt: &RunningAttempt,
    outcome: AttemptOutcome,
    error: JobError,
    http_status: Option<u16>,
    now: Time,
) -> Attempt {
    let job = &attempt.claimed.job;
    Attempt {
        number: job.attempts,
        started_at: job.attempt_started_at,
        ended_at: Some(now),
        outcome,
        http_status,
        error: Some(error),
    }
}

fn expires_at(attempt: &RunningAttempt, now: Time) -> Time {
    let kind = attempt.kind.as_deref();
    now + kind.map_or(KindSpec::DEFAULT_RETENTION, |kind| kind.kind.spec.retention())
}

fn too_large(result: &RawValue) -> bool {
    result.get().len() > MAX_RESULT_BYTES
}
