//! `GET /api/poll/{token}` of the tasker gateway.

use std::sync::Arc;

use api::{Problem, TokenStatus, parameter};
use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use http::header;
use model::id::JobId;
use tollgate_http::{ApiError, Caller, Query};

use crate::jobs::{Jobs, read_job};

/// Get the status of a token's job (tasker gateway API).
///
/// New clients should use `GET /v1/jobs/{id}`, which includes the result.
#[utoipa::path(
    get, path = "/api/poll/{token}", tag = "compat", operation_id = "pollToken",
    params(("token" = parameter::JobId, Path, description = "The token")),
    responses((status = 200, description = "The job's status", body = TokenStatus)),
)]
pub async fn get(
    State(jobs): State<Arc<Jobs>>,
    caller: Caller,
    token: Result<Path<String>, PathRejection>,
    query: Query,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    // For these clients, a malformed token is an unknown one.
    let Path(token) = token.map_err(|_| Problem::NotFound)?;
    let id: JobId = token.parse().map_err(|_| Problem::NotFound)?;
    let status = read_job(&jobs, caller.account(), id).await?.status.into();
    Ok(([(header::CACHE_CONTROL, "private, no-cache")], Json(TokenStatus { status }))
        .into_response())
}
