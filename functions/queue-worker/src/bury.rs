//! Dead letters: jobs whose worker doesn't return, because the last attempt has no outcome or the
//! message reached the dead-letter queue.

use std::time::Duration;

use shared::{
    aws::{self, CachedKind, Outgoing, Place},
    event::Content,
    job::{By, ErrorCode, Job, JobError, JobMessage, Lease, Message, Status},
    kind::{Discipline, KindSpec},
    time::Time,
};

use crate::{Invocation, Worker, attempt::token, report::Report};

const AGAIN: Duration = Duration::from_secs(1);
const OUTAGE: Duration = Duration::from_secs(30);

fn ordered(kind: Option<&CachedKind>) -> bool {
    kind.is_some_and(|kind| kind.kind.spec.discipline != Discipline::Standard)
}

impl Worker {
    /// Fails a dead letter's job, unless it has an outcome or a worker that may still finish it.
    pub(crate) async fn bury(&self, message: &JobMessage, invocation: Invocation<'_>) -> Report {
        match self.try_bury(message).await {
            Ok(report) => report,
            Err(error) => {
                tracing::error!(
                    request.id = invocation.request, account = %message.account, job = %message.id,
                    cause = %error,
                    "dead letter handling failed"
                );
                Report::back_at(self.clock.now() + OUTAGE)
            }
        }
    }

    async fn try_bury(&self, message: &JobMessage) -> Result<Report, aws::Error> {
        let now = self.clock.now();
        let kind = self.kinds.cached(&message.kind, now).await?;
        let Some((job, lease)) = self.jobs.inspect(message.account, message.id).await? else {
            return Ok(Report::dropped());
        };
        let held_until =
            lease.lease_until.filter(|until| lease.status == Status::Running && *until > now);
        match held_until {
            // An ordered kind may still need this message as a permit, so a new one replaces it.
            _ if lease.status.is_terminal() && ordered(kind.as_deref()) => {
                let permit = JobMessage { due: None, looks: 0, ..message.clone() };
                Ok(Report::sends(Outgoing::now(Message::Job(permit), None)))
            }
            _ if lease.status.is_terminal() => Ok(Report::done()),
            Some(until) => Ok(Report::back_at(until)),
            None => self.give_up(&job, &lease, kind.as_deref(), now).await,
        }
    }

    /// Fails an abandoned job, on the condition that it is still in the state `lease`.
    pub(crate) async fn give_up(
        &self,
        job: &Job,
        lease: &Lease,
        kind: Option<&CachedKind>,
        now: Time,
    ) -> Result<Report, aws::Error> {
        let error = JobError::new(
            ErrorCode::WorkerCrashed,
            format!(
                "no attempt completed; {} of {} were started",
                lease.attempts, lease.max_attempts
            ),
        );
        self.give_up_for(error, job, lease, kind, now).await
    }

    /// Fails a job with `error`, on the condition that it is still in the state `lease`.
    pub(crate) async fn give_up_for(
        &self,
        error: JobError,
        job: &Job,
        lease: &Lease,
        kind: Option<&CachedKind>,
        now: Time,
    ) -> Result<Report, aws::Error> {
        let retention = kind.map_or(KindSpec::DEFAULT_RETENTION, |kind| kind.kind.spec.retention());
        tracing::warn!(
            account = %job.account, job = %job.id, kind = %job.kind, attempt = lease.attempts,
            code = error.code.as_str(),
            "abandoned job failed"
        );
        let me = token();
        let place = self.place(kind).await;
        let by = By { token: &me, event: place.as_ref().map(Place::id) };
        self.queue.announce(job, by, None, now).await?;
        let end = Content::of_end(job.id, &job.kind, Status::Failed, Some(&error));
        if !self.jobs.give_up(job, lease, by, error, now + retention, now).await? {
            return Ok(Report::back_at(now + AGAIN));
        }
        self.events.tell(place, job.account, end).await;
        Ok(Report::given_up(job, now))
    }
}
