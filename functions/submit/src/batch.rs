//! `POST /v1/jobs/batch`.

mod reserve;
mod response;
mod store;
mod validate;

use std::sync::Arc;

use api::{BatchBody, BatchRequest, Problem, parameter};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode};
use tollgate_http::{ApiError, JsonBody, MaybeReplay, Query, RequestId};

use crate::{
    idempotency::{IdempotencyToken, replayed_header},
    jobs::Jobs,
    quota::check_quota,
    trace::traceparent,
};
use validate::Sender;

/// Submit up to 100 jobs.
///
/// Each job is accepted or refused individually; `items` lists the results in request order. The
/// batch as a whole is refused only if it isn't a list of 1 to 100 jobs. The ids sort in request
/// order, so that the last job is the newest. With an `Idempotency-Key`, you can repeat the whole
/// batch.
#[utoipa::path(
    post, path = "/v1/jobs/batch", tag = "jobs", operation_id = "submitJobs",
    params(
        parameter::IdempotencyKey,
        parameter::Traceparent,
    ),
    request_body = BatchRequest,
    responses(
        (status = 202, description = "Result of each job", body = BatchBody, headers(
            (
                "Idempotency-Replayed" = bool,
                description = "`true` if an earlier request created the jobs"
            ),
        )),
    ),
)]
pub async fn submit(
    State(jobs): State<Arc<Jobs>>,
    caller: MaybeReplay,
    Extension(RequestId(request_id)): Extension<RequestId>,
    headers: HeaderMap,
    query: Query,
    JsonBody { value: BatchRequest { jobs: requests }, json, text }: JsonBody<BatchRequest>,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    let idempotency = IdempotencyToken::from_request(&headers, "POST /v1/jobs/batch", &text)?;
    let (account, idempotency) = (caller.0.account(), idempotency.as_ref());
    let (trace, now) = (traceparent(&headers), jobs.clock.now());
    check_quota(&jobs.idempotency, &caller, account, idempotency, now).await?;

    let sender = Sender { caller: &caller.0, trace: trace.as_ref(), now };
    let parsed = validate::validate_all(&jobs, sender, &requests, &json["jobs"]).await?;
    let batch = reserve::reserve(&jobs, account, parsed, idempotency, now).await?;
    let stored = store::store_all(&jobs, &batch, idempotency.is_some(), now).await;

    let replayed = batch.replayed;
    let items = response::items(account, batch.jobs, stored, &request_id);
    if items.iter().all(|item| item.status == Problem::Unavailable.status()) {
        return Err(Problem::Unavailable.into());
    }
    let accepted = items.iter().filter(|item| item.job.is_some()).count();
    tracing::info!(
        request.id = request_id, %account, accepted, refused = items.len() - accepted, replayed,
        "batch accepted"
    );
    Ok((StatusCode::ACCEPTED, replayed_header(replayed), Json(BatchBody { items })).into_response())
}
