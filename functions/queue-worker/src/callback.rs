//! Handles the message that announces a job's end: sends the callback, or publishes the event that
//! the worker no longer could.
//!
//! A callback is a job of its own with its own retries. Its outcome doesn't affect the job that it
//! reports.

use std::time::Duration;

use api::callback_job;
use model::{
    job::{Ended, Job, Message, Status},
    time::Time,
};
use store::OutgoingMessage;

use crate::{Worker, context::Invocation, disposition::Handled, message::ReceivedMessage};

/// Redelivery delay while the end is not written yet and no lease limits the wait.
const RETRY_DELAY: Duration = Duration::from_secs(2);

/// How long after its announcement an end may still be written: longer than a request with all its
/// retries takes.
const MAX_WRITE_TIME: Duration = Duration::from_secs(10);

impl Worker {
    /// Handles the announced end of a job.
    pub(crate) async fn handle_ended(
        &self,
        ended: &Ended,
        delivery: &ReceivedMessage,
        invocation: Invocation<'_>,
    ) -> Handled {
        let followed = match ended.event {
            Some(first) => self.publish_end(ended, first, delivery).await,
            None => self.send_callback(ended, delivery).await,
        };
        match followed {
            Ok(report) => report,
            Err(error) => {
                tracing::error!(
                    request.id = invocation.request_id, account = %ended.account, job = %ended.id,
                    cause = %error,
                    "callback or event of a finished job failed"
                );
                Handled::after_outage(delivery, self.clock.now())
            }
        }
    }

    /// The job if it ended as announced; otherwise the disposition of the message.
    pub(crate) async fn ended_as_announced(
        &self,
        ended: &Ended,
        delivery: &ReceivedMessage,
        now: Time,
    ) -> Result<Result<Job, Handled>, store::Error> {
        let Some((job, lease)) = self.jobs.get_consistent(ended.account, ended.id).await? else {
            return Ok(Err(Handled::ack()));
        };
        if lease.owner.as_deref() != Some(&ended.owner) {
            // A command announces an end with a token that is stored only by the write itself.
            let young = delivery.sent_at.is_some_and(|sent| now < sent + MAX_WRITE_TIME);
            let may_come = young && !lease.status.is_terminal();
            return Ok(Err(if may_come {
                Handled::nack_until(now + RETRY_DELAY)
            } else {
                Handled::ack()
            }));
        }
        if lease.status == Status::Running {
            return Ok(Err(Handled::nack_until(
                lease.lease_until.unwrap_or(now).max(now + RETRY_DELAY),
            )));
        }
        Ok(Ok(job))
    }

    async fn send_callback(
        &self,
        ended: &Ended,
        delivery: &ReceivedMessage,
    ) -> Result<Handled, store::Error> {
        let now = self.clock.now();
        if let Err(report) = self.ended_as_announced(ended, delivery, now).await? {
            return Ok(report);
        }
        // Includes jobs past their retention, in case the queue was slow.
        let Some(job) = self.jobs.get_with_result(ended.account, ended.id, true).await? else {
            return Ok(Handled::ack());
        };
        let made = callback_job(job, &ended.owner);
        let made = made.map_err(|error| store::Error::Corrupt("a callback", error.to_string()))?;
        let Some((made, payload)) = made else { return Ok(Handled::ack()) };
        self.due.verify_late(&made, now).await?;
        self.jobs.put(&made, &payload, None).await?;
        Ok(Handled::requeue(OutgoingMessage::immediate(
            Message::Job(made.message()),
            delivery.trace.clone(),
        )))
    }
}
