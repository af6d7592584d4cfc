//! `GET /v1/jobs/{id}/attempts`.

use std::sync::Arc;

use api::{Attempts, parameter};
use axum::{Json, extract::State};
use model::id::JobId;
use tollgate_http::{ApiError, Caller, PathParam, Query};

use crate::jobs::{Jobs, read_job};

/// List a job's attempts, oldest first.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/attempts", tag = "jobs", operation_id = "listAttempts",
    params(
        ("id" = parameter::JobId, Path, description = "The token"),
        parameter::JobAccount,
    ),
    responses((status = 200, description = "The attempts", body = Attempts)),
)]
pub async fn list(
    State(jobs): State<Arc<Jobs>>,
    caller: Caller,
    PathParam(id): PathParam<JobId>,
    mut query: Query,
) -> Result<Json<Attempts>, ApiError> {
    let account = caller.target_account(query.account()?)?;
    query.reject_unknown()?;
    let job = read_job(&jobs, account, id).await?;
    Ok(Json(Attempts { items: job.all_attempts() }))
}
