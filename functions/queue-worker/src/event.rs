//! Events: publishes the payload of jobs with the target `event`, and the ends of jobs whose kind
//! publishes them.

use serde_json::{json, value::to_raw_value};
use shared::{
    aws::{self, CachedKind, IdempotencyKey, Place, Published},
    event::Content,
    id::EventId,
    job::{Ended, ErrorCode, JobError, Outcome, Payload},
};

use crate::{
    Invocation, Worker,
    attempt::{Held, retry},
    record::Delivery,
    report::Report,
};

impl Worker {
    /// Reserves the ID of a job's end event, if its kind publishes these.
    pub(crate) async fn place(&self, kind: Option<&CachedKind>) -> Option<Place> {
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
        delivery: &Delivery,
    ) -> Result<Report, aws::Error> {
        // The usual case.
        if self.events.is_there(ended.account, &first).await? {
            return Ok(Report::done());
        }
        let content = match &ended.end {
            Some(end) => Content::of_end(ended.id, &end.kind, end.status, end.error.as_ref()),
            None => match self.ended_as_announced(ended, delivery, self.clock.now()).await? {
                Ok(job) => Content::of_end(job.id, &job.kind, job.status, job.error.as_ref()),
                Err(report) => return Ok(report),
            },
        };
        let Some(content) = content else { return Ok(Report::done()) };
        let key = IdempotencyKey::of(&format!("end {}", ended.owner));
        Ok(
            match self
                .events
                .publish_once(ended.account, &key, &ended.owner, first, content)
                .await?
            {
                Published::Yes(_) => Report::done(),
                Published::NotBefore(then) => Report::back_at(then),
            },
        )
    }

    /// The target `event`: publishes a job's payload exactly once across its attempts.
    pub(crate) async fn publish(
        &self,
        held: &Held,
        payload: &Payload,
        invocation: Invocation<'_>,
    ) -> Outcome {
        let job = &held.claimed.job;
        let content = Content::data(payload.0.clone(), job.kind.to_string());
        let since = job.started_at.unwrap_or(held.since);
        let told = |why: &str| JobError::new(ErrorCode::GatewayUnavailable, why);
        match self.events.publish_for(job.account, job.id, since, content).await {
            Ok(Published::Yes(id)) => to_raw_value(&json!({"event_id": id})).map_or_else(
                |_| retry(ErrorCode::GatewayUnavailable, "the gateway could not write the result"),
                Outcome::Complete,
            ),
            Ok(Published::NotBefore(then)) => Outcome::Retry {
                after: Some(then.since(self.clock.now())),
                error: told("an earlier attempt may have published the event"),
                http_status: None,
            },
            Err(error) => {
                tracing::error!(
                    request.id = invocation.request, account = %job.account, job = %job.id,
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
