//! `POST /api/activities` of the gatekeeper.

use std::sync::Arc;

use api::{Activities, ActivitiesToken, parameter};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use tollgate_http::ApiError;

use super::raw_payload::{RawPayloadRequest, submit_raw};
use crate::{
    idempotency::replayed_header,
    jobs::{Jobs, Submitted},
};

/// Apply activities to tables (gatekeeper API).
///
/// The body is the payload of a job of the kind `activities`, checked against its schema. A valid
/// request is answered with 200, which existing clients expect, though the job is only queued by
/// then. The token is the job's id. New clients should use `POST /v1/jobs`.
#[utoipa::path(
    post, path = "/api/activities", tag = "compat", operation_id = "submitActivities",
    params(
        parameter::IdempotencyKey,
        parameter::Traceparent,
    ),
    request_body = Activities,
    responses(
        (
            status = 200, description = "The activities are stored and queued",
            body = ActivitiesToken,
            links(
                ("pollToken" = (
                    operation_id = "pollToken",
                    parameters(("token" = "$response.body#/token"))
                )),
                ("getJob" = (operation_id = "getJob", parameters(("id" = "$response.body#/token"))))
            ),
            headers(
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
    request: RawPayloadRequest,
) -> Result<Response, ApiError> {
    let Submitted { job, replayed } =
        submit_raw(&jobs, "activities", "POST /api/activities", request).await?;
    let job = job.as_accepted();
    let body = Json(ActivitiesToken { token: job.id, status: job.status });
    Ok((replayed_header(replayed), body).into_response())
}
