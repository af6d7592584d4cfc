//! `POST /v1/jobs`.

mod context;
mod create;
mod dispatch;
mod new_job;
mod reserve;
mod response;
mod store;
mod validate;

use std::sync::Arc;

use api::{JobBody, JobRequest, parameter};
use axum::{Extension, extract::State, response::Response};
use http::HeaderMap;
use tollgate_http::{ApiError, JsonBody, MaybeReplay, Query, RequestId};

use crate::{idempotency::IdempotencyToken, quota::check_quota, trace::traceparent};

pub use context::{Jobs, MAX_REQUEST_TIME};
pub use create::{Submission, Submitted, create_once};
pub use dispatch::{exceeds_queue_delay, resend};
pub use new_job::NewJob;
pub use store::{delete_unstarted, record_accepted, store_and_send};
pub use validate::{resolve_account, validate};

/// Submit a job.
///
/// The response is sent once the job is stored and queued. Poll with the job's id. With an
/// `Idempotency-Key`, you can repeat the request safely after any failure.
#[utoipa::path(
    post, path = "/v1/jobs", tag = "jobs", operation_id = "submitJob",
    params(
        parameter::IdempotencyKey,
        parameter::Traceparent,
    ),
    request_body(
        content = JobRequest,
        example = json!({"kind": "echo", "payload": {"hello": "world"}})
    ),
    responses(
        (
            status = 202, description = "The job is stored and queued", body = JobBody,
            headers(
                ("Location" = String, description = "URL to poll"),
                ("Retry-After" = u64, description = "Seconds to wait before the first poll"),
                (
                    "Idempotency-Replayed" = bool,
                    description = "`true` if an earlier request created the job"
                )
            )
        ),
    ),
)]
pub async fn submit(
    State(jobs): State<Arc<Jobs>>,
    caller: MaybeReplay,
    Extension(RequestId(request_id)): Extension<RequestId>,
    headers: HeaderMap,
    query: Query,
    JsonBody { value: request, json, text }: JsonBody<JobRequest>,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    let idempotency = IdempotencyToken::from_request(&headers, "POST /v1/jobs", &text)?;
    let (trace, now) = (traceparent(&headers), jobs.clock.now());
    let account = resolve_account(&jobs.accounts, &caller.0, request.account, "", now).await?;
    check_quota(&jobs.idempotency, &caller, account, idempotency.as_ref(), now).await?;

    let payload = &json["payload"];
    let new = validate(&jobs.kinds, account, request, payload, "", trace.clone(), now).await;
    let submission = Submission { account, idempotency, trace, now };
    let submitted = create_once(&jobs, new, submission).await?;
    let Submitted { job, replayed } = &submitted;
    tracing::info!(
        request.id = request_id, %account, job = %job.id, kind = %job.kind, replayed,
        "job accepted"
    );
    Ok(response::accepted(caller.0.account(), submitted, now))
}
