//! `DELETE /api/user` of the tasker gateway.

use std::sync::Arc;

use api::{Token, UserToDelete, parameter};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use tollgate_http::ApiError;

use super::raw_payload::{RawPayloadRequest, submit_raw};
use crate::{
    idempotency::replayed_header,
    jobs::{Jobs, Submitted},
};

/// Delete a user (tasker gateway API).
///
/// The body is the payload of a job of the kind `user.delete`, checked against its schema. The
/// token is the job's id; it works with `GET /api/poll/{token}` and all job requests. New clients
/// should use `POST /v1/jobs`.
#[utoipa::path(
    delete, path = "/api/user", tag = "compat", operation_id = "deleteUser",
    params(
        parameter::IdempotencyKey,
        parameter::Traceparent,
    ),
    request_body = UserToDelete,
    responses(
        (
            status = 201, description = "The deletion is stored and queued", body = Token,
            links(
                ("pollToken" = (
                    operation_id = "pollToken",
                    parameters(("token" = "$response.body#/token"))
                ))
            ),
            headers(
                ("Location" = String, description = "Where to poll"),
                (
                    "Idempotency-Replayed" = bool,
                    description = "`true` if an earlier request created the job"
                )
            )
        ),
        (
            status = 409,
            description = "The first request with this `Idempotency-Key` is still in progress",
            body = String, content_type = "text/plain",
            headers(("Retry-After" = u64, description = "Seconds to wait before a retry"), )
        ),
        (
            status = 413, description = "The body exceeds 256 KiB", body = String,
            content_type = "text/plain"
        ),
        (
            status = 415, description = "The content type is not JSON", body = String,
            content_type = "text/plain"
        ),
    ),
)]
pub async fn delete(
    State(jobs): State<Arc<Jobs>>,
    request: RawPayloadRequest,
) -> Result<Response, ApiError> {
    let Submitted { job, replayed } =
        submit_raw(&jobs, "user.delete", "DELETE /api/user", request).await?;
    let location = [(header::LOCATION, format!("/api/poll/{}", job.id))];
    let body = Json(Token { token: job.id });
    Ok((StatusCode::CREATED, replayed_header(replayed), location, body).into_response())
}
