//! `DELETE /api/user`.

use std::sync::Arc;

use api::{Token, UserToDelete, parameter};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use tollgate_http::ApiError;

use crate::{
    App,
    compat::{RawPayloadRequest, Submitted},
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
    State(app): State<Arc<App>>,
    asked: RawPayloadRequest,
) -> Result<Response, ApiError> {
    let Submitted { job, replayed } =
        app.submit_raw("user.delete", "DELETE /api/user", asked).await?;
    let location = [(header::LOCATION, format!("/api/poll/{}", job.id))];
    Ok((StatusCode::CREATED, replayed, location, Json(Token { token: job.id })).into_response())
}
