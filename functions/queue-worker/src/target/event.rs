//! The `event` target: publishes the job's payload.

use model::{
    event::Content,
    job::{ErrorCode, JobError, Outcome, Payload},
};
use runtime::clock::Clock;
use serde_json::{json, value::to_raw_value};
use store::{EventStore, PublishResult};

use crate::{
    context::{Invocation, RunningAttempt},
    outcome::retry,
};

/// Publishes a job's payload exactly once across its attempts.
pub async fn publish(
    events: &EventStore,
    attempt: &RunningAttempt,
    payload: &Payload,
    clock: &Clock,
    invocation: Invocation<'_>,
) -> Outcome {
    let job = &attempt.claimed.job;
    let content = Content::data(payload.0.clone(), job.kind.to_string());
    let since = job.started_at.unwrap_or(attempt.claimed_at);
    match events.publish_job_event(job.account, job.id, since, content).await {
        Ok(PublishResult::Stored(id)) => to_raw_value(&json!({"event_id": id})).map_or_else(
            |_| retry(ErrorCode::GatewayUnavailable, "the gateway could not write the result"),
            Outcome::Complete,
        ),
        Ok(PublishResult::RetryAt(due)) => Outcome::Retry {
            after: Some(due.since(clock.now())),
            error: JobError::new(
                ErrorCode::GatewayUnavailable,
                "an earlier attempt may have published the event",
            ),
            http_status: None,
        },
        Err(error) => {
            tracing::error!(
                request.id = invocation.request_id, account = %job.account, job = %job.id,
                attempt = job.attempts, cause = %error,
                "publishing the event failed"
            );
            retry(ErrorCode::GatewayUnavailable, "the gateway could not write the event")
        }
    }
}
