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
};

const RETRY_DELAY: Duration = Duration::from_secs(1);
const OUTAGE_DELAY: Duration = Duration::from_secs(30);

fn is_ordered(kind: Option<&CachedKind>) -> bool {
    kind.is_some_and(|kind| kind.kind.spec.discipline != Discipline::Standard)
}

impl Worker {
    /// Fails a dead letter's job, unless it has an outcome or a worker that may still finish it.
    pub(crate) async fn dead_letter(
        &self,
        message: &JobMessage,
        invocation: Invocation<'_>,
    ) -> Handled {
        match self.try_dead_letter(message).await {
            Ok(report) => report,
            Err(error) => {
                tracing::error!(
                    request.id = invocation.request_id, account = %message.account,
                    job = %message.id, cause = %error,
                    "dead letter handling failed"
                );
                Handled::nack_until(self.clock.now() + OUTAGE_DELAY)
            }
        }
    }

    async fn try_dead_letter(&self, message: &JobMessage) -> Result<Handled, store::Error> {
        let now = self.clock.now();
        let kind = self.kinds.cached(&message.kind, now).await?;
        let Some((job, lease)) = self.jobs.get_consistent(message.account, message.id).await?
        else {
            return Ok(Handled::discard());
        };
        let held_until =
            lease.lease_until.filter(|until| lease.status == Status::Running && *until > now);
        match held_until {
            // An ordered kind may still need this message as a permit, so a new one replaces it.
            _ if lease.status.is_terminal() && is_ordered(kind.as_deref()) => {
                let permit = JobMessage { due: None, looks: 0, ..message.clone() };
                Ok(Handled::requeue(OutgoingMessage::immediate(Message::Job(permit), None)))
            }
            _ if lease.status.is_terminal() => Ok(Handled::ack()),
            Some(until) => Ok(Handled::nack_until(until)),
            None => self.fail_abandoned(&job, &lease, kind.as_deref(), now).await,
        }
    }

    /// Fails an abandoned job, on the condition that it is still in the state `lease`.
    pub(crate) async fn fail_abandoned(
        &self,
        job: &Job,
        lease: &Lease,
        kind: Option<&CachedKind>,
        now: Time,
    ) -> Result<Handled, store::Error> {
        let error = JobError::new(
            ErrorCode::WorkerCrashed,
            format!(
                "no attempt completed; {} of {} were started",
                lease.attempts, lease.max_attempts
            ),
        );
        self.fail_job(error, job, lease, kind, now).await
    }

    /// Fails a job with `error`, on the condition that it is still in the state `lease`.
    pub(crate) async fn fail_job(
        &self,
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
        let place = self.reserve_event(kind).await;
        let by = EndedBy { token: &token, event: place.as_ref().map(Reservation::id) };
        self.queue.announce_end(job, by, None, now).await?;
        let end = Content::for_ended_job(job.id, &job.kind, Status::Failed, Some(&error));
        if !self.jobs.fail_abandoned(job, lease, by, error, now + retention, now).await? {
            return Ok(Handled::nack_until(now + RETRY_DELAY));
        }
        self.events.publish_end(place, job.account, end).await;
        Ok(Handled::failed_abandoned(job, now))
    }
}
