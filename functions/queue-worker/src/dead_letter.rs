//! Dead letters: jobs whose worker doesn't return, because the last attempt has no outcome or the
//! message reached the dead-letter queue.

use std::time::Duration;

use model::{
    event::Content,
    job::{EndedBy, ErrorCode, Job, JobError, JobMessage, Lease, Message, Status},
    kind::{Discipline, KindSpec},
    time::Time,
};
use store::{CachedKind, OutgoingMessage, Reservation};

use crate::{
    Worker,
    context::{Invocation, random_token},
    disposition::Handled,
    event::reserve_event,
};

const RETRY_DELAY: Duration = Duration::from_secs(1);
const OUTAGE_DELAY: Duration = Duration::from_secs(30);

/// Fails a dead letter's job, unless it has an outcome or a worker that may still finish it.
pub async fn dead_letter(
    worker: &Worker,
    message: &JobMessage,
    invocation: Invocation<'_>,
) -> Handled {
    try_dead_letter(worker, message).await.unwrap_or_else(|error| {
        tracing::error!(
            request.id = invocation.request_id, account = %message.account, job = %message.id,
            cause = %error,
            "dead letter handling failed"
        );
        Handled::nack_until(worker.clock.now() + OUTAGE_DELAY)
    })
}

async fn try_dead_letter(worker: &Worker, message: &JobMessage) -> Result<Handled, store::Error> {
    let now = worker.clock.now();
    let kind = worker.kinds.cached(&message.kind, now).await?;
    let Some((job, lease)) = worker.jobs.get_consistent(message.account, message.id).await? else {
        return Ok(Handled::discard());
    };
    let leased_until =
        lease.lease_until.filter(|until| lease.status == Status::Running && *until > now);
    match leased_until {
        // An ordered kind may still need this message as a permit, so a new one replaces it.
        _ if lease.status.is_terminal() && is_ordered(kind.as_deref()) => {
            let permit = JobMessage { due: None, looks: 0, ..message.clone() };
            Ok(Handled::requeue(OutgoingMessage::immediate(Message::Job(permit), None)))
        }
        _ if lease.status.is_terminal() => Ok(Handled::ack()),
        Some(until) => Ok(Handled::nack_until(until)),
        None => fail_abandoned(worker, &job, &lease, kind.as_deref(), now).await,
    }
}

fn is_ordered(kind: Option<&CachedKind>) -> bool {
    kind.is_some_and(|kind| kind.kind.spec.discipline != Discipline::Standard)
}

/// Fails an abandoned job, on the condition that it is still in the state `lease`.
pub async fn fail_abandoned(
    worker: &Worker,
    job: &Job,
    lease: &Lease,
    kind: Option<&CachedKind>,
    now: Time,
) -> Result<Handled, store::Error> {
    let error = JobError::new(
        ErrorCode::WorkerCrashed,
        format!("no attempt completed; {} of {} were started", lease.attempts, lease.max_attempts),
    );
    fail_job(worker, error, job, lease, kind, now).await
}

/// Fails a job with `error`, on the condition that it is still in the state `lease`.
pub async fn fail_job(
    worker: &Worker,
    error: JobError,
    job: &Job,
    lease: &Lease,
    kind: Option<&CachedKind>,
    now: Time,
) -> Result<Handled, store::Error> {
    let retention = kind.map_or(KindSpec::DEFAULT_RETENTION, |kind| kind.kind.spec.retention());
    tracing::warn!(
        account = %job.account, job = %job.id, kind = %job.kind, attempt = lease.attempts,
        code = error.code.as_str(),
        "abandoned job failed"
    );
    let token = random_token();
    let reservation = reserve_event(&worker.events, kind).await;
    let by = EndedBy { token: &token, event: reservation.as_ref().map(Reservation::id) };
    worker.queue.announce_end(job, by, None, now).await?;
    let content = Content::for_ended_job(job.id, &job.kind, Status::Failed, Some(&error));
    if !worker.jobs.fail_abandoned(job, lease, by, error, now + retention, now).await? {
        return Ok(Handled::nack_until(now + RETRY_DELAY));
    }
    worker.events.publish_end(reservation, job.account, content).await;
    Ok(Handled::failed_abandoned(job, now))
}
