//! `PUT` and `DELETE /v1/quotas/{name}`.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use shared::{
    api::{AnyProblem, BodyProblem, Problem, QuotaBody, Viewer},
    gate::{Failure, JsonBody, Named, Query},
    name::Name,
    quota::QuotaSpec,
};

use crate::{
    App,
    definition::{defined, version},
};

/// Define a quota, or define it anew.
///
/// What is used of it is looked at once a minute. A threshold that is reached is told once in a period, by a mail to each recipient and the
/// event `quota.crossed` of the account; where several are reached at once, the highest alone is. When the period ends, or the limit is
/// raised, or the quota is deleted, `quota.resolved` says so.
///
/// A change counts from the next look on. With another limit what is used stays; a threshold that isn't reached any more is resolved, and if
/// it is reached again, it is told again, since that is news about another limit. With another `type`, `service`, `route`, `account`,
/// `period` or `timezone` it begins anew, with all that was used since the period began.
///
/// With `enforce`, jobs and events that the account's own keys hand in are refused with a 429 once all is used, within about a minute; operators'
/// go through, and so do what schedules bring, reports of usage, everything that only reads, cancels or configures, and repeats of what was
/// accepted before.
#[utoipa::path(
    put, path = "/v1/quotas/{name}", tag = "quotas", operation_id = "putQuota",
    security(("key" = ["admin"])),
    params(("name" = Name, Path, description = "The quota's name")),
    request_body = QuotaSpec,
    responses(
        (status = 200, description = "The quota was defined anew", body = QuotaBody, links(("getQuota" = (operation_id = "getQuota", parameters(("name" = "$response.body#/name")))), ("deleteQuota" = (operation_id = "deleteQuota", parameters(("name" = "$response.body#/name")))))),
        (status = 201, description = "The quota is new", body = QuotaBody, links(("getQuota" = (operation_id = "getQuota", parameters(("name" = "$response.body#/name")))), ("deleteQuota" = (operation_id = "deleteQuota", parameters(("name" = "$response.body#/name"))))), headers(("Location" = String, description = "The quota"))),
        AnyProblem, BodyProblem,
    ),
)]
pub async fn put(
    State(app): State<Arc<App>>,
    Named(name): Named<Name>,
    query: Query,
    JsonBody { value: spec, .. }: JsonBody<QuotaSpec>,
) -> Result<Response, Failure> {
    query.end()?;
    let now = app.clock.now();
    let mut violations = spec.violations();
    if let Some(account) = spec.account {
        violations.extend(app.unknown(account, now).await?);
    }
    if !violations.is_empty() {
        return Err(Problem::InvalidBody(violations).into());
    }
    let (quota, new) = app.quotas.put(&name, &spec, &version(), now).await?;
    let known = if new { None } else { app.quotas.standing(&name).await? };
    let body = Json(QuotaBody::at(now, quota, known.map(|known| known.standing), Viewer::Operator));
    Ok(defined("quotas", &name, new, body))
}

/// Delete a quota.
///
/// The next look, within a minute, resolves what was reached, and lets the account's requests through again.
#[utoipa::path(
    delete, path = "/v1/quotas/{name}", tag = "quotas", operation_id = "deleteQuota",
    security(("key" = ["admin"])),
    params(("name" = Name, Path, description = "The quota's name")),
    responses((status = 204, description = "The quota is gone"), AnyProblem),
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Named(name): Named<Name>,
    query: Query,
) -> Result<StatusCode, Failure> {
    query.end()?;
    let known = app.quotas.find(&name).await?.ok_or(Problem::NotFound)?;
    app.quotas.delete(&known).await?;
    Ok(StatusCode::NO_CONTENT)
}
