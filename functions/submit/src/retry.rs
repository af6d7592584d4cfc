//! `POST /v1/jobs/{id}/retry`.

mod ended;
mod requeue;

use std::sync::Arc;

use api::{JobBody, Problem, parameter};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use model::{id::JobId, job::Job, time::Time};
use store::{CachedKind, KindStore};
use tollgate_http::{ApiError, Caller, PathParam, Query, RequestId};

use crate::{
    control::{Control, MAX_CONFLICTS, get_visible},
    trace::traceparent,
};
use requeue::requeue;

/// Retry a failed or cancelled job.
///
/// The job is queued as if newly submitted, with all its attempts and without its earlier history.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/retry", tag = "jobs", operation_id = "retryJob",
    params(
        ("id" = parameter::JobId, Path, description = "The token"),
        parameter::JobAccount,
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
        let kind = kind_to_retry(&control.kinds, &job, now).await?;
        if let Some(job) = requeue(&control, job, &lease, &kind, traceparent(&headers), now).await?
        {
            tracing::info!(request.id = request_id, %account, job = %id, "job requeued");
            return Ok((StatusCode::ACCEPTED, Json(JobBody::for_caller(caller.account(), job)))
                .into_response());
        }
    }
    Err(Problem::Unavailable.into())
}

async fn kind_to_retry(
    kinds: &KindStore,
    job: &Job,
    now: Time,
) -> Result<Arc<CachedKind>, ApiError> {
    let kind = kinds.cached(&job.kind, now).await?.filter(|kind| !kind.kind.disabled);
    kind.ok_or_else(|| Problem::NotRetryable("its kind is deleted or disabled").into())
}
