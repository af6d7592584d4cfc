//! Handles the message that announces a job's end: sends the callback, or publishes the event that
//! the worker no longer could.
//!
//! A callback is a job of its own with its own retries. Its outcome doesn't affect the job that it
//! reports.

use std::time::Duration;

use shared::{
    api::delivery_of,
    aws::{self, Outgoing},
    job::{Ended, Job, Message, Status},
    time::Time,
};

use crate::{Invocation, Worker, record::Delivery, report::Report};

/// Redelivery delay while the end is not written yet and no lease limits the wait.
const AGAIN: Duration = Duration::from_secs(2);

/// How long after its announcement an end may still be written: longer than a request with all its
/// retries takes.
const UNWRITTEN: Duration = Duration::from_secs(10);

impl Worker {
    /// Handles the announced end of a job.
    pub(crate) async fn follow_end(
        &self,
        ended: &Ended,
        delivery: &Delivery,
        invocation: Invocation<'_>,
    ) -> Report {
        let followed = match ended.event {
            Some(first) => self.publish_end(ended, first, delivery).await,
            None => self.call_back(ended, delivery).await,
        };
        match followed {
            Ok(report) => report,
            Err(error) => {
                tracing::error!(
                    request.id = invocation.request, account = %ended.account, job = %ended.id,
                    cause = %error,
                    "callback or event of a finished job failed"
                );
                Report::after_outage(delivery, self.clock.now())
            }
        }
    }

    /// The job if it ended as announced; otherwise the disposition of the message.
    pub(crate) async fn ended_as_announced(
        &self,
        ended: &Ended,
        delivery: &Delivery,
        now: Time,
    ) -> Result<Result<Job, Report>, aws::Error> {
        let Some((job, lease)) = self.jobs.inspect(ended.account, ended.id).await? else {
            return Ok(Err(Report::done()));
        };
        if lease.owner.as_deref() != Some(&ended.owner) {
            // A command announces an end with a token that is stored only by the write itself.
            let young = delivery.sent_at.is_some_and(|sent| now < sent + UNWRITTEN);
            let may_come = young && !lease.status.is_terminal();
            return Ok(Err(if may_come { Report::back_at(now + AGAIN) } else { Report::done() }));
        }
        if lease.status == Status::Running {
            return Ok(Err(Report::back_at(lease.lease_until.unwrap_or(now).max(now + AGAIN))));
        }
        Ok(Ok(job))
    }

    async fn call_back(&self, ended: &Ended, delivery: &Delivery) -> Result<Report, aws::Error> {
        let now = self.clock.now();
        if let Err(report) = self.ended_as_announced(ended, delivery, now).await? {
            return Ok(report);
        }
        // Includes jobs past their retention, in case the queue was slow.
        let Some(job) = self.jobs.whole(ended.account, ended.id, true).await? else {
            return Ok(Report::done());
        };
        let made = delivery_of(job, &ended.owner);
        let made = made.map_err(|error| aws::Error::Corrupt("a callback", error.to_string()))?;
        let Some((made, payload)) = made else { return Ok(Report::done()) };
        self.due.verify_late(&made, now).await?;
        self.jobs.put(&made, &payload, None).await?;
        Ok(Report::sends(Outgoing::now(Message::Job(made.message()), delivery.trace.clone())))
    }
}
