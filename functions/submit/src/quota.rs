//! `PUT` and `DELETE /v1/quotas/{name}`.

use std::sync::Arc;

use api::{AnyProblem, BodyProblem, Problem, QuotaBody, Viewer};
use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use model::{name::Name, quota::QuotaSpec};
use tollgate_http::{ApiError, JsonBody, PathParam, Query};

use crate::{
    App,
    definition::{defined, version},
};

/// Create or replace a quota.
///
/// Quotas are evaluated every minute. When usage reaches a threshold, each recipient gets a mail
/// and the account gets the event `quota.crossed`, once per period. If several thresholds are
/// reached in the same minute, only the highest is reported. The event `quota.resolved` follows
/// when the period ends, the limit is raised or the quota is deleted.
///
/// Changes apply from the next evaluation. A new limit keeps the usage of the period: thresholds no
/// longer reached are resolved, and reported again when the usage reaches them under the new limit.
/// A new `type`, `service`, `route`, `account`, `period` or `timezone` restarts the evaluation with
/// all usage since the start of the period.
///
/// With `enforce`, new jobs and events from the account's own keys are refused with a 429 within
/// about a minute after the limit is reached. Operators' requests, schedules, usage reports,
/// repeats of accepted requests, and requests that read, cancel or configure are not affected.
#[utoipa::path(
    put, path = "/v1/quotas/{name}", tag = "quotas", operation_id = "putQuota",
    security(("key" = ["admin"])),
    params(("name" = Name, Path, description = "The quota's name")),
    request_body = QuotaSpec,
    responses(
        (
            status = 200, description = "The replaced quota", body = QuotaBody,
            links(
                ("getQuota" = (
                    operation_id = "getQuota",
                    parameters(("name" = "$response.body#/name"))
                )),
                ("deleteQuota" = (
                    operation_id = "deleteQuota",
                    parameters(("name" = "$response.body#/name"))
                ))
            )
        ),
        (
            status = 201, description = "The created quota", body = QuotaBody,
            links(
                ("getQuota" = (
                    operation_id = "getQuota",
                    parameters(("name" = "$response.body#/name"))
                )),
                ("deleteQuota" = (
                    operation_id = "deleteQuota",
                    parameters(("name" = "$response.body#/name"))
                ))
            ),
            headers(("Location" = String, description = "The quota"))
        ),
        AnyProblem, BodyProblem,
    ),
)]
pub async fn put(
    State(app): State<Arc<App>>,
    PathParam(name): PathParam<Name>,
    query: Query,
    JsonBody { value: spec, .. }: JsonBody<QuotaSpec>,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    let now = app.clock.now();
    let mut violations = spec.violations();
    if let Some(account) = spec.account {
        violations.extend(app.unknown_account(account, now).await?);
    }
    if !violations.is_empty() {
        return Err(Problem::InvalidBody(violations).into());
    }
    let (quota, new) = app.quotas.put(&name, &spec, &version(), now).await?;
    let known = if new { None } else { app.quotas.state(&name).await? };
    let body = Json(QuotaBody::at(now, quota, known.map(|known| known.state), Viewer::Operator));
    Ok(defined("quotas", &name, new, body))
}

/// Delete a quota.
///
/// The next evaluation, within a minute, resolves reached thresholds and accepts the account's
/// requests again.
#[utoipa::path(
    delete, path = "/v1/quotas/{name}", tag = "quotas", operation_id = "deleteQuota",
    security(("key" = ["admin"])),
    params(("name" = Name, Path, description = "The quota's name")),
    responses((status = 204, description = "The quota is deleted"), AnyProblem),
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<StatusCode, ApiError> {
    query.reject_unknown()?;
    let known = app.quotas.find(&name).await?.ok_or(Problem::NotFound)?;
    app.quotas.delete(&known).await?;
    Ok(StatusCode::NO_CONTENT)
}
