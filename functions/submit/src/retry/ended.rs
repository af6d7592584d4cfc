//! Ensures that the event and the callback of a job's end are sent, although the retry removes the
//! end from the job.

use std::time::Duration;

use api::{Problem, callback_job};
use model::{
    event::RETENTION,
    id,
    job::{Ended, EndedBy, Job, Lease, Message},
    kind::KindSpec,
    time::Time,
};
use store::OutgoingMessage;
use tollgate_http::ApiError;

use crate::control::Control;

/// Age after which the event of an end has certainly been published. Events and records of late
/// publications are kept longer than this.
const EVENT_SENT_AFTER: Duration = Duration::from_secs(RETENTION.as_secs() / 2);

/// Age after which the callback of an end has certainly been sent. The callback's job is kept
/// longer than this, so that it isn't created twice.
const CALLBACK_SENT_AFTER: Duration =
    Duration::from_secs(KindSpec::DEFAULT_RETENTION.as_secs() / 2);

/// Ensures that the event of the current end is published. The worker that wrote the end may have
/// crashed before publishing it, and a later announcement finds the job queued again.
pub async fn ensure_event_published(
    control: &Control,
    job: &Job,
    lease: &Lease,
    now: Time,
) -> Result<(), ApiError> {
    let (Some(event), Some(owner)) = (lease.end_event, lease.owner.as_deref()) else {
        return Ok(());
    };
    if now.since(id::time_of(&event)) > EVENT_SENT_AFTER
        || control.events.exists(job.account, &event).await?
    {
        return Ok(());
    }
    let by = EndedBy { token: owner, event: Some(event) };
    let ended = Message::Ended(Ended::before_requeue(job, by));
    Ok(control.queue.send(&OutgoingMessage::after_known_outcome(ended), now).await?)
}

/// Ensures that the callback of the current end is sent. The callback job's ID is derived from the
/// end, so that creating it twice has no effect.
pub async fn ensure_callback_sent(
    control: &Control,
    job: &Job,
    lease: &Lease,
    now: Time,
) -> Result<(), ApiError> {
    let is_recent =
        job.finished_at.is_some_and(|finished| now.since(finished) < CALLBACK_SENT_AFTER);
    let Some(owner) = lease.owner.as_deref().filter(|_| is_recent) else { return Ok(()) };
    let callback = callback_job(job.clone(), owner)
        .map_err(|error| ApiError::with_cause(Problem::Internal, error.to_string()))?;
    let Some((callback, payload)) = callback else { return Ok(()) };
    control.due.verify_late(&callback, now).await?;
    control.jobs.put(&callback, &payload, None).await?;
    let message = OutgoingMessage::immediate(Message::Job(callback.message()), None);
    Ok(control.queue.send(&message, now).await?)
}
