use std::sync::Arc;

use api::{JobRequest, RequestedStart};
use model::{
    id::{self, AccountId, JobId},
    job::{Job, Payload},
    kind::Rank,
    time::Time,
};
use runtime::telemetry::Traceparent;
use store::{CachedKind, OutgoingMessage};

use super::context::MAX_REQUEST_TIME;

/// A valid job to create.
#[derive(Debug)]
pub struct NewJob {
    pub job: Job,
    pub payload: Payload,
    /// The client's trace context.
    pub trace: Option<Traceparent>,
    start: RequestedStart,
    kind: Arc<CachedKind>,
}

impl NewJob {
    /// Builds the requested job. Its creation time is that of `id`.
    pub fn new(
        account: AccountId,
        id: JobId,
        request: JobRequest,
        kind: Arc<CachedKind>,
        trace: Option<Traceparent>,
    ) -> Self {
        let start = request.requested_start();
        let run_at = start.due_at(id::time_of(&id));
        let max_attempts = kind.kind.spec.retry.max_attempts;
        let JobRequest { kind: name, payload, priority, callback_url, metadata, .. } = request;
        let job = Job::queued(id, account, name, max_attempts, run_at);
        let job = Job { priority, callback_url, metadata, ..job };
        Self { job, payload, trace, start, kind }
    }

    /// Replaces the ID and its time. The job is kept until `kept_until`, so that a replay finds it.
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

    /// The message that starts the job when it is due.
    pub fn message(&self) -> OutgoingMessage {
        OutgoingMessage::due_at(self.job.message(), self.job.run_at, self.trace.clone())
    }
}
