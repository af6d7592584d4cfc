//! `DELETE /v1/jobs/{id}`.

use std::sync::Arc;

use api::{JobBody, Problem, parameter};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use model::{
    event::Content,
    id::JobId,
    job::{EndedBy, Job, Lease, Status},
    kind::KindSpec,
    time::Time,
};
use runtime::{metrics::registry, telemetry::Traceparent};
use store::Reservation;
use tollgate_http::{ApiError, Caller, PathParam, Query, RequestId};

use crate::{
    control::{Control, MAX_CONFLICTS, change_token, get_visible, record},
    trace::traceparent,
};

/// Cancel a job.
///
/// A queued job is cancelled immediately. A running job is asked to stop; its worker does so within
/// seconds. What the target has done by then is not undone, and if the target responds first, its
/// response counts.
#[utoipa::path(
    delete, path = "/v1/jobs/{id}", tag = "jobs", operation_id = "cancelJob",
    params(
        ("id" = parameter::JobId, Path, description = "The token"),
        parameter::JobAccount,
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
    State(control): State<Arc<Control>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    PathParam(id): PathParam<JobId>,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let account = caller.target_account(query.account()?)?;
    query.reject_unknown()?;
    for _ in 0..MAX_CONFLICTS {
        let now = control.clock.now();
        let (job, lease) = get_visible(&control.jobs, account, id, now).await?;
        let (status, changed) = match job.status {
            Status::Queued => {
                let trace = traceparent(&headers);
                (StatusCode::OK, cancel_queued(&control, &job, &lease, trace, now).await?)
            }
            Status::Running => {
                (StatusCode::ACCEPTED, control.jobs.request_cancel(&job, &lease).await?)
            }
            _ => return Err(Problem::JobFinished(job.status).into()),
        };
        if let Some(job) = changed {
            tracing::info!(
                request.id = request_id, %account, job = %id, status = %job.status,
                "cancellation accepted"
            );
            return Ok((status, Json(JobBody::for_caller(caller.account(), job))).into_response());
        }
    }
    Err(Problem::Unavailable.into())
}

/// Cancels a queued job; `None` if the job changed concurrently. The end is announced first, so
/// that a crash loses neither callback nor event.
async fn cancel_queued(
    control: &Control,
    job: &Job,
    lease: &Lease,
    trace: Option<Traceparent>,
    now: Time,
) -> Result<Option<Job>, ApiError> {
    let kind = control.kinds.cached(&job.kind, now).await?;
    let spec = kind.as_deref().map(|kind| &kind.kind.spec);
    let retention = spec.map_or(KindSpec::DEFAULT_RETENTION, KindSpec::retention);
    let token = change_token();
    let reservation = if spec.is_some_and(|spec| spec.events) {
        Some(control.events.reserve().await)
    } else {
        None
    };
    let by = EndedBy { token: &token, event: reservation.as_ref().map(Reservation::id) };
    control.queue.announce_end(job, by, trace.as_ref(), now).await?;
    let cancelled = control.jobs.cancel(job, lease, by, now + retention, now).await?;
    if let Some(job) = &cancelled {
        record(&control.metrics, job, &registry::CANCELLED, now);
        let end = Content::for_ended_job(job.id, &job.kind, job.status, job.error.as_ref());
        control.events.publish_end(reservation, job.account, end).await;
    }
    Ok(cancelled)
}
