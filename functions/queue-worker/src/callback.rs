//! What follows an end that was announced: a callback, or an event that its worker could not publish any more.
//!
//! Callbacks: who asked to be told of a job's end is told by a job of its own, with retries of its own. However that fares, the job it
//! tells of stays as it is.

use std::time::Duration;

use shared::{
    api::delivery_of,
    aws::{self, Outgoing},
    job::{Ended, Job, Message, Status},
    time::Time,
};

use crate::{Invocation, Worker, record::Delivery, report::Report};

/// How soon an end is looked for again that isn't written yet, if nothing says when it will have been.
const AGAIN: Duration = Duration::from_secs(2);

/// For how long after its announcement an end may still be written: longer than a call takes with all its repeats.
const UNWRITTEN: Duration = Duration::from_secs(10);

impl Worker {
    /// Tells of a job that ended as announced.
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
                tracing::error!(request.id = invocation.request, account = %ended.account, job = %ended.id, cause = %error, "an end could not be told of");
                Report::after_outage(delivery, self.clock.now())
            }
        }
    }

    /// The job, if it ended as announced; else what becomes of the message.
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
            // A command announces its end under a token that is only written with it.
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
        // Also one that isn't shown any more, should the queue have been so slow.
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
