//! Turns a validated request into a stored and queued job. All routes that submit jobs use this.

use std::sync::Arc;

use api::{JobRequest, RequestedStart};
use model::{
    id::{self, AccountId, JobId},
    job::{
        Job, Payload,
        due::{DueEntry, Purpose},
    },
    kind::Rank,
    name::Name,
    time::Time,
    violation::Violation,
};
use runtime::{
    metrics::registry,
    telemetry::{Record, Traceparent},
};
use store::{CachedKind, OutgoingMessage};
use tollgate_http::{ApiError, Caller};

use crate::{App, error::SubmitError, job::MAX_REQUEST_TIME};

/// A job to create.
#[derive(Debug)]
pub struct NewJob {
    pub job: Job,
    pub payload: Payload,
    pub start: RequestedStart,
    pub kind: Arc<CachedKind>,
    /// The client's trace context.
    pub trace: Option<Traceparent>,
}

impl NewJob {
    /// Builds the job requested by `wanted`. Its creation time is that of `id`.
    pub fn new(
        account: AccountId,
        id: JobId,
        wanted: JobRequest,
        kind: Arc<CachedKind>,
        trace: Option<Traceparent>,
    ) -> Self {
        let start = wanted.requested_start();
        let run_at = start.due_at(id::time_of(&id));
        let job = Job::queued(id, account, wanted.kind, kind.kind.spec.retry.max_attempts, run_at);
        let (priority, callback_url, metadata) =
            (wanted.priority, wanted.callback_url, wanted.metadata);
        Self {
            job: Job { priority, callback_url, metadata, ..job },
            payload: wanted.payload,
            start,
            kind,
            trace,
        }
    }

    /// Replaces the ID and its time. The job is kept until `kept_until`, so that a repeated request
    /// finds it.
    pub fn with_id(self, id: JobId, kept_until: Option<Time>) -> Self {
        let run_at = self.start.due_at(id::time_of(&id));
        Self { job: Job { id, run_at, kept_until, ..self.job }, ..self }
    }

    /// The rank in the ready queue, if the kind is ordered and the job is due while its request may
    /// still be in progress at `now`. Its message may then arrive before the job is stored, and its
    /// permit be used for another job.
    pub fn rank(&self, now: Time) -> Option<Rank> {
        let rank = self.kind.kind.spec.discipline.rank(self.job.id, self.job.priority);
        rank.filter(|_| self.job.run_at <= now + MAX_REQUEST_TIME)
    }
}

/// Whether the job is due later than the longest delay of an SQS message.
pub fn exceeds_queue_delay(job: &Job, now: Time) -> bool {
    job.run_at > now + OutgoingMessage::MAX_DELAY
}

impl App {
    /// The account of the request. An account named by an `admin` must exist.
    pub(crate) async fn resolve_account(
        &self,
        caller: &Caller,
        named: Option<AccountId>,
        prefix: &str,
        now: Time,
    ) -> Result<AccountId, SubmitError> {
        let account = caller.target_account(named)?;
        if account != caller.account() && self.accounts.get_cached(account, now).await?.is_none() {
            let unknown = Violation::new(format!("{prefix}/account"), "unknown account");
            return Err(SubmitError::Invalid(vec![unknown]));
        }
        Ok(account)
    }

    /// Stores and queues a job.
    ///
    /// If either fails, the request fails. A job without an `Idempotency-Key` is deleted again. A
    /// job with one stays, because a repeat may already have returned it; that repeat sends its
    /// message again.
    pub(crate) async fn accept(&self, order: &NewJob, repeatable: bool) -> Result<(), ApiError> {
        let NewJob { job, payload, .. } = order;
        let now = self.clock.now();
        let rank = order.rank(now);
        let put = self.jobs.put(job, payload, rank.as_ref());
        let done = if rank.is_some() {
            // Send first: a surplus permit does no harm, while a listed job without a permit would
            // use up another job's.
            match self.dispatch(job, order.trace.clone(), now).await {
                Ok(()) => put.await,
                failed => failed,
            }
        } else {
            let (stored, sent) = tokio::join!(put, self.dispatch(job, order.trace.clone(), now));
            stored.and(sent)
        };
        let Err(error) = done else {
            self.record_accepted(&job.kind, 1, now);
            return Ok(());
        };
        if !repeatable {
            self.delete_unstarted(order).await;
        }
        Err(error.into())
    }

    /// Records metrics of accepted jobs.
    pub(crate) fn record_accepted(&self, kind: &Name, number: usize, now: Time) {
        let accepted = Record::new().dimension("kind", kind.as_str());
        self.metrics.emit(&accepted.count(&registry::ACCEPTED, number), now);
        self.tallies.rates.count_jobs(number);
    }

    /// Deletes a job whose request failed.
    pub(crate) async fn delete_unstarted(&self, NewJob { job, payload, .. }: &NewJob) {
        if let Err(kept) = self.jobs.delete_unstarted(job, payload).await {
            tracing::warn!(
                account = %job.account, job = %job.id, cause = %kept,
                "failed to delete refused job"
            );
        }
    }

    /// Sends the job's message with a delay, or schedules it in the due list if the delay would be
    /// too long for SQS. The entry of a cancelled or deleted job stays; its message finds nothing
    /// to do.
    pub(crate) async fn dispatch(
        &self,
        job: &Job,
        trace: Option<Traceparent>,
        now: Time,
    ) -> Result<(), store::Error> {
        if !exceeds_queue_delay(job, now) {
            self.due.verify_late(job, now).await?;
            return self
                .queue
                .send(&OutgoingMessage::due_at(job.message(), job.run_at, trace), now)
                .await;
        }
        let Job { id, account, run_at: due, .. } = *job;
        self.due
            .put(&DueEntry { due, account, id, kind: job.kind.clone(), purpose: Purpose::Release })
            .await
    }
}
