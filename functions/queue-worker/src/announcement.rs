//! Checks the announced end of a job against the table. The announcement is sent before the end is
//! written.

use std::time::Duration;

use model::{
    job::{Ended, Job, Status},
    time::Time,
};
use store::JobStore;

use crate::{disposition::Handled, message::ReceivedMessage};

/// Redelivery delay while the end is not written yet and no lease limits the wait.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// How long after its announcement an end may still be written: longer than a request with all its
/// retries takes.
const MAX_WRITE_TIME: Duration = Duration::from_secs(10);

pub enum AnnouncedEnd {
    /// The job ended as announced.
    Written(Box<Job>),
    /// The job has not ended as announced; disposition of the announcement.
    Other(Handled),
}

pub async fn read_announced_end(
    jobs: &JobStore,
    ended: &Ended,
    delivery: &ReceivedMessage,
    now: Time,
) -> Result<AnnouncedEnd, store::Error> {
    let Some((job, lease)) = jobs.get_consistent(ended.account, ended.id).await? else {
        return Ok(AnnouncedEnd::Other(Handled::ack()));
    };
    if lease.owner.as_deref() != Some(&ended.owner) {
        // A command announces an end with a token that is stored only by the write itself.
        let is_recent = delivery.sent_at.is_some_and(|sent| now < sent + MAX_WRITE_TIME);
        let may_be_written = is_recent && !lease.status.is_terminal();
        return Ok(AnnouncedEnd::Other(if may_be_written {
            Handled::nack_until(now + RETRY_DELAY)
        } else {
            Handled::ack()
        }));
    }
    Ok(if lease.status == Status::Running {
        let due = lease.lease_until.unwrap_or(now).max(now + RETRY_DELAY);
        AnnouncedEnd::Other(Handled::nack_until(due))
    } else {
        AnnouncedEnd::Written(Box::new(job))
    })
}
