//! `DELETE /v1/jobs/{id}` and `POST /v1/jobs/{id}/retry`.

use std::{sync::Arc, time::Duration};

use api::{JobBody, Problem, callback_job, parameter};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use model::{
    event::{Content, RETENTION},
    id::{self, AccountId, JobId},
    job::{Ended, EndedBy, Job, JobMessage, Lease, Message, Status},
    kind::KindSpec,
    time::Time,
};
use runtime::{
    metrics::{Metric, registry},
    telemetry::{Record, Traceparent},
};
use store::{CachedKind, OutgoingMessage, ReadyQueueKey, Reservation, RetryResult};
use tollgate_http::{ApiError, Caller, PathParam, Query, RequestId};

use crate::{App, job::trace};

/// How often a command rereads a job that changed concurrently.
const MAX_CONFLICTS: usize = 5;

/// Age after which the event of an end has certainly been published. Events and records of late
/// publications are kept longer than this.
const EVENT_SENT_AFTER: Duration = Duration::from_secs(RETENTION.as_secs() / 2);

/// Age after which the callback of an end has certainly been sent. The callback's job is kept
/// longer than this, so that it isn't created twice.
const CALLBACK_SENT_AFTER: Duration =
    Duration::from_secs(KindSpec::DEFAULT_RETENTION.as_secs() / 2);

/// Cancel a job.
///
/// A queued job is cancelled immediately. A running job is asked to stop; its worker does so within
/// seconds. What the target has done by then is not undone, and if the target responds first, its
/// response counts.
#[utoipa::path(
    delete, path = "/v1/jobs/{id}", tag = "jobs", operation_id = "cancelJob",
    params(
        ("id" = parameter::JobId, Path, description = "The token"),
        (
            "account" = Option<parameter::AccountId>, Query,
            description = "The job's account; defaults to the key's account. Others require \
                `admin`."
        ),
        parameter::Traceparent,
    ),
    responses(
        (status = 200, description = "Job cancelled", body = JobBody),
        (
            status = 202, description = "The job is running; cancellation is requested",
            body = JobBody
        ),
        (
            status = 409, description = "The job is finished",
            body = api::ProblemBody, content_type = "application/problem+json"
        ),
    ),
)]
pub async fn cancel(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    PathParam(id): PathParam<JobId>,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let account = caller.target_account(query.account()?)?;
    query.reject_unknown()?;
    for _ in 0..MAX_CONFLICTS {
        let now = app.clock.now();
        let (job, lease) = app.find_visible(account, id, now).await?;
        let (status, changed) = match job.status {
            Status::Queued => {
                (StatusCode::OK, app.cancel_queued(&job, &lease, trace(&headers), now).await?)
            }
            Status::Running => (StatusCode::ACCEPTED, app.jobs.request_cancel(&job, &lease).await?),
            _ => return Err(Problem::JobFinished(job.status).into()),
        };
        if let Some(job) = changed {
            tracing::info!(
                request.id = request, %account, job = %id, status = %job.status,
                "cancellation accepted"
            );
            return Ok((status, Json(JobBody::for_caller(caller.account(), job))).into_response());
        }
    }
    Err(Problem::Unavailable.into())
}

/// Retry a failed or cancelled job.
///
/// The job is queued as if newly submitted, with all its attempts and without its earlier history.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/retry", tag = "jobs", operation_id = "retryJob",
    params(
        ("id" = parameter::JobId, Path, description = "The token"),
        (
            "account" = Option<parameter::AccountId>, Query,
            description = "The job's account; defaults to the key's account. Others require \
                `admin`."
        ),
        parameter::Traceparent,
    ),
    responses(
        (status = 202, description = "The job is queued again", body = JobBody),
        (
            status = 409,
            description = "The job is not failed or cancelled, or its kind or payload is \
                gone",
            body = api::ProblemBody, content_type = "application/problem+json"
        ),
    ),
)]
pub async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    PathParam(id): PathParam<JobId>,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let account = caller.target_account(query.account()?)?;
    query.reject_unknown()?;
    for _ in 0..MAX_CONFLICTS {
        let now = app.clock.now();
        let (job, lease) = app.find_visible(account, id, now).await?;
        let kind = app.kind_to_retry(&job, now).await?;
        if let Some(job) = app.requeue(job, &lease, &kind, trace(&headers), now).await? {
            tracing::info!(request.id = request, %account, job = %id, "job requeued");
            return Ok((StatusCode::ACCEPTED, Json(JobBody::for_caller(caller.account(), job)))
                .into_response());
        }
    }
    Err(Problem::Unavailable.into())
}

impl App {
    async fn find_visible(
        &self,
        account: AccountId,
        id: JobId,
        now: Time,
    ) -> Result<(Job, Lease), ApiError> {
        let found = self.jobs.get_consistent(account, id).await?;
        found.filter(|(job, _)| job.is_visible(now)).ok_or_else(|| Problem::NotFound.into())
    }

    /// Cancels a queued job; `None` if the job changed concurrently. The end is announced first, so
    /// that a crash loses neither callback nor event.
    async fn cancel_queued(
        &self,
        job: &Job,
        lease: &Lease,
        trace: Option<Traceparent>,
        now: Time,
    ) -> Result<Option<Job>, ApiError> {
        let kind = self.kinds.cached(&job.kind, now).await?;
        let spec = kind.as_deref().map(|kind| &kind.kind.spec);
        let retention = spec.map_or(KindSpec::DEFAULT_RETENTION, KindSpec::retention);
        let me = token();
        let place = if spec.is_some_and(|spec| spec.events) {
            Some(self.events.reserve().await)
        } else {
            None
        };
        let by = EndedBy { token: &me, event: place.as_ref().map(Reservation::id) };
        self.queue.announce_end(job, by, trace.as_ref(), now).await?;
        let cancelled = self.jobs.cancel(job, lease, by, now + retention, now).await?;
        if let Some(job) = &cancelled {
            self.record_metric(job, &registry::CANCELLED, now);
            let end = Content::for_ended_job(job.id, &job.kind, job.status, job.error.as_ref());
            self.events.publish_end(place, job.account, end).await;
        }
        Ok(cancelled)
    }

    async fn kind_to_retry(&self, job: &Job, now: Time) -> Result<Arc<CachedKind>, ApiError> {
        let kind = self.kinds.cached(&job.kind, now).await?.filter(|kind| !kind.kind.disabled);
        kind.ok_or_else(|| Problem::NotRetryable("its kind is deleted or disabled").into())
    }

    /// Ensures that the event of the job's current end is published even after the retry removes
    /// the end from the job. The worker that wrote the end may have crashed before publishing it,
    /// and a later announcement finds the job queued again.
    async fn ensure_event_published(
        &self,
        job: &Job,
        lease: &Lease,
        now: Time,
    ) -> Result<(), ApiError> {
        let (Some(event), Some(owner)) = (lease.end_event, lease.owner.as_deref()) else {
            return Ok(());
        };
        if now.since(id::time_of(&event)) > EVENT_SENT_AFTER
            || self.events.exists(job.account, &event).await?
        {
            return Ok(());
        }
        let by = EndedBy { token: owner, event: Some(event) };
        let ended = Message::Ended(Ended::before_requeue(job, by));
        Ok(self.queue.send(&OutgoingMessage::after_known_outcome(ended), now).await?)
    }

    /// Ensures in the same way that the callback of the current end is sent. The callback job's ID
    /// is derived from the end, so that creating it twice has no effect.
    async fn ensure_callback_sent(
        &self,
        job: &Job,
        lease: &Lease,
        now: Time,
    ) -> Result<(), ApiError> {
        let fresh =
            job.finished_at.is_some_and(|finished| now.since(finished) < CALLBACK_SENT_AFTER);
        let Some(owner) = lease.owner.as_deref().filter(|_| fresh) else { return Ok(()) };
        let made = callback_job(job.clone(), owner);
        let made =
            made.map_err(|error| ApiError::with_cause(Problem::Internal, error.to_string()))?;
        let Some((delivery, payload)) = made else { return Ok(()) };
        self.due.verify_late(&delivery, now).await?;
        self.jobs.put(&delivery, &payload, None).await?;
        Ok(self
            .queue
            .send(&OutgoingMessage::immediate(Message::Job(delivery.message()), None), now)
            .await?)
    }

    /// Records the metric of a command.
    fn record_metric(&self, job: &Job, metric: &'static Metric, now: Time) {
        self.metrics
            .emit(&Record::new().dimension("kind", job.kind.as_str()).count(metric, 1), now);
    }

    /// Requeues a job; `None` if it changed concurrently.
    async fn requeue(
        &self,
        job: Job,
        lease: &Lease,
        kind: &CachedKind,
        trace: Option<Traceparent>,
        now: Time,
    ) -> Result<Option<Job>, ApiError> {
        let fresh = JobMessage { attempts: 0, ..job.message() };
        let in_case = OutgoingMessage::safety_net(fresh.clone(), trace.clone());
        let outgoing = OutgoingMessage::immediate(Message::Job(fresh), trace);
        match job.status {
            Status::Failed | Status::Cancelled => {}
            // Already requeued by a request that may have failed before sending the message.
            Status::Queued if job.attempts == 0 && lease.owner.is_some() => {
                self.queue.send(&outgoing, now).await?;
                return Ok(Some(job));
            }
            _ => return Err(Problem::NotRetryable("it is not failed or cancelled").into()),
        }
        self.due.verify_late(&job, now).await?;
        self.ensure_event_published(&job, lease, now).await?;
        self.ensure_callback_sent(&job, lease, now).await?;
        let rank = kind.kind.spec.discipline.rank(job.id, job.priority);
        let listing = rank.map(|rank| ReadyQueueKey::new(job.account, &job.kind, rank));
        // Ordered kinds: send first, since a surplus permit does no harm and a missing one would.
        // Other kinds: a message that arrives before the job is queued would be lost, so this one
        // is a delayed fallback.
        self.queue.send(if listing.is_some() { &outgoing } else { &in_case }, now).await?;
        let attempts = kind.kind.spec.retry.max_attempts;
        match self.jobs.retry(&job, lease, attempts, listing.as_ref(), &token(), now).await? {
            RetryResult::Changed => Ok(None),
            RetryResult::NoPayload => Err(Problem::NotRetryable("its payload has expired").into()),
            RetryResult::Queued(job) => {
                self.record_metric(&job, &registry::RETRIED_BY_CLIENT, now);
                if listing.is_none() {
                    self.queue.send(&outgoing, now).await?;
                }
                Ok(Some(*job))
            }
        }
    }
}

/// Identifies the change that a command writes.
fn token() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
