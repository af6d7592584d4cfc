//! Events: publishes the payload of jobs with the target `event`, and the ends of jobs whose kind
//! publishes them.

use model::{
    event::Content,
    id::EventId,
    job::{Ended, ErrorCode, JobError, Outcome, Payload},
};
use serde_json::{json, value::to_raw_value};
use store::{CachedKind, IdempotencyKey, PublishResult, Reservation};

use crate::{
    Worker,
    context::{Invocation, RunningAttempt},
    disposition::Handled,
    message::ReceivedMessage,
    outcome::retry,
};

impl Worker {
    /// Reserves the ID of a job's end event, if its kind publishes these.
    pub(crate) async fn reserve_event(&self, kind: Option<&CachedKind>) -> Option<Reservation> {
        if !kind?.kind.spec.events {
            return None;
        }
        Some(self.events.reserve().await)
    }

    /// Publishes the end event of a job that its worker announced but did not publish, even if the
    /// job was requeued since.
    pub(crate) async fn publish_end(
        &self,
        ended: &Ended,
        first: EventId,
        delivery: &ReceivedMessage,
    ) -> Result<Handled, store::Error> {
        // The usual case.
        if self.events.exists(ended.account, &first).await? {
            return Ok(Handled::ack());
        }
        let content = match &ended.end {
            Some(end) => {
                Content::for_ended_job(ended.id, &end.kind, end.status, end.error.as_ref())
            }
            None => match self.ended_as_announced(ended, delivery, self.clock.now()).await? {
                Ok(job) => {
                    Content::for_ended_job(job.id, &job.kind, job.status, job.error.as_ref())
                }
                Err(report) => return Ok(report),
            },
        };
        let Some(content) = content else { return Ok(Handled::ack()) };
        let key = IdempotencyKey::of(&format!("end {}", ended.owner));
        Ok(
            match self
                .events
                .publish_once(ended.account, &key, &ended.owner, first, content)
                .await?
            {
                PublishResult::Stored(_) => Handled::ack(),
                PublishResult::RetryAt(then) => Handled::nack_until(then),
            },
        )
    }

    /// The target `event`: publishes a job's payload exactly once across its attempts.
    pub(crate) async fn publish_payload(
        &self,
        held: &RunningAttempt,
        payload: &Payload,
        invocation: Invocation<'_>,
    ) -> Outcome {
        let job = &held.claimed.job;
        let content = Content::data(payload.0.clone(), job.kind.to_string());
        let since = job.started_at.unwrap_or(held.claimed_at);
        let told = |why: &str| JobError::new(ErrorCode::GatewayUnavailable, why);
        match self.events.publish_job_event(job.account, job.id, since, content).await {
            Ok(PublishResult::Stored(id)) => to_raw_value(&json!({"event_id": id})).map_or_else(
                |_| retry(ErrorCode::GatewayUnavailable, "the gateway could not write the result"),
                Outcome::Complete,
            ),
            Ok(PublishResult::RetryAt(then)) => Outcome::Retry {
                after: Some(then.since(self.clock.now())),
                error: told("an earlier attempt may have published the event"),
                http_status: None,
            },
            Err(error) => {
                tracing::error!(
                    request.id = invocation.request_id, account = %job.account, job = %job.id,
                    attempt = job.attempts, cause = %error,
                    "publishing the event failed"
                );
                Outcome::Retry {
                    after: None,
                    error: told("the gateway could not write the event"),
                    http_status: None,
                }
            }
        }
    }
}
