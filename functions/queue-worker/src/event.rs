//! Events of jobs that ended, for kinds that publish them.

use model::{event::Content, id::EventId, job::Ended};
use store::{CachedKind, EventStore, IdempotencyKey, PublishResult, Reservation};

use crate::{
    Worker,
    announcement::{AnnouncedEnd, read_announced_end},
    disposition::Handled,
    message::ReceivedMessage,
};

/// Reserves the ID of a job's end event, if its kind publishes these.
pub async fn reserve_event(events: &EventStore, kind: Option<&CachedKind>) -> Option<Reservation> {
    if !kind?.kind.spec.events {
        return None;
    }
    Some(events.reserve().await)
}

/// Publishes the end event of a job that its worker announced but did not publish, even if the job
/// was requeued since.
pub async fn publish_end(
    worker: &Worker,
    ended: &Ended,
    reserved: EventId,
    delivery: &ReceivedMessage,
) -> Result<Handled, store::Error> {
    // The usual case.
    if worker.events.exists(ended.account, &reserved).await? {
        return Ok(Handled::ack());
    }
    let content = match &ended.end {
        Some(end) => Content::for_ended_job(ended.id, &end.kind, end.status, end.error.as_ref()),
        None => {
            let now = worker.clock.now();
            match read_announced_end(&worker.jobs, ended, delivery, now).await? {
                AnnouncedEnd::Written(job) => {
                    Content::for_ended_job(job.id, &job.kind, job.status, job.error.as_ref())
                }
                AnnouncedEnd::Other(handled) => return Ok(handled),
            }
        }
    };
    let Some(content) = content else { return Ok(Handled::ack()) };
    let key = IdempotencyKey::of(&format!("end {}", ended.owner));
    let published =
        worker.events.publish_once(ended.account, &key, &ended.owner, reserved, content).await?;
    Ok(match published {
        PublishResult::Stored(_) => Handled::ack(),
        PublishResult::RetryAt(due) => Handled::nack_until(due),
    })
}
