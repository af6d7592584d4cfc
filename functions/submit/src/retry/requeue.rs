//! Requeues a failed or cancelled job.

use api::Problem;
use model::{
    job::{Job, JobMessage, Lease, Message, Status},
    time::Time,
};
use runtime::{metrics::registry, telemetry::Traceparent};
use store::{CachedKind, OutgoingMessage, ReadyQueueKey, RetryResult};
use tollgate_http::ApiError;

use super::ended::{ensure_callback_sent, ensure_event_published};
use crate::control::{Control, change_token, record};

/// Requeues a job; `None` if it changed concurrently.
pub async fn requeue(
    control: &Control,
    job: Job,
    lease: &Lease,
    kind: &CachedKind,
    trace: Option<Traceparent>,
    now: Time,
) -> Result<Option<Job>, ApiError> {
    let first_attempt = JobMessage { attempts: 0, ..job.message() };
    let delayed = OutgoingMessage::safety_net(first_attempt.clone(), trace.clone());
    let immediate = OutgoingMessage::immediate(Message::Job(first_attempt), trace);
    match job.status {
        Status::Failed | Status::Cancelled => {}
        // Already requeued by a request that may have failed before sending the message.
        Status::Queued if job.attempts == 0 && lease.owner.is_some() => {
            control.queue.send(&immediate, now).await?;
            return Ok(Some(job));
        }
        _ => return Err(Problem::NotRetryable("it is not failed or cancelled").into()),
    }
    control.due.verify_late(&job, now).await?;
    ensure_event_published(control, &job, lease, now).await?;
    ensure_callback_sent(control, &job, lease, now).await?;
    let rank = kind.kind.spec.discipline.rank(job.id, job.priority);
    let ready_key = rank.map(|rank| ReadyQueueKey::new(job.account, &job.kind, rank));
    // Ordered kinds: send first, since a surplus permit does no harm and a missing one would.
    // Other kinds: a message that arrives before the job is queued would be lost, so this one
    // is a delayed fallback.
    control.queue.send(if ready_key.is_some() { &immediate } else { &delayed }, now).await?;
    let (attempts, token) = (kind.kind.spec.retry.max_attempts, change_token());
    match control.jobs.retry(&job, lease, attempts, ready_key.as_ref(), &token, now).await? {
        RetryResult::Changed => Ok(None),
        RetryResult::NoPayload => Err(Problem::NotRetryable("its payload has expired").into()),
        RetryResult::Queued(job) => {
            record(&control.metrics, &job, &registry::RETRIED_BY_CLIENT, now);
            if ready_key.is_none() {
                control.queue.send(&immediate, now).await?;
            }
            Ok(Some(*job))
        }
    }
}
