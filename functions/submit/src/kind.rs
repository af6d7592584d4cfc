//! `PUT` and `DELETE /v1/kinds/{name}`.

use std::{sync::Arc, time::Duration};

use api::{AnyProblem, BodyProblem, KindBody, Problem};
use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use model::{job::Timing, kind::KindSpec, name::Name, violation::Violation};
use schema::Schema;
use tollgate_http::{ApiError, JsonBody, PathParam, Query};

use crate::{
    App,
    definition::{defined, version},
};

/// Time limit of the search for unfinished jobs of a kind.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Create or replace a kind.
///
/// Queued jobs use the new definition. The change takes effect within five seconds.
#[utoipa::path(
    put, path = "/v1/kinds/{name}", tag = "kinds", operation_id = "putKind",
    security(("key" = ["admin"])),
    params(("name" = Name, Path, description = "The kind's name")),
    request_body = KindSpec,
    responses(
        (
            status = 200, description = "The replaced kind", body = KindBody,
            links(
                ("getKind" = (
                    operation_id = "getKind",
                    parameters(("name" = "$response.body#/name"))
                )),
                ("deleteKind" = (
                    operation_id = "deleteKind",
                    parameters(("name" = "$response.body#/name"))
                ))
            )
        ),
        (
            status = 201, description = "The created kind", body = KindBody,
            links(
                ("getKind" = (
                    operation_id = "getKind",
                    parameters(("name" = "$response.body#/name"))
                )),
                ("deleteKind" = (
                    operation_id = "deleteKind",
                    parameters(("name" = "$response.body#/name"))
                ))
            ),
            headers(("Location" = String, description = "The kind"))
        ),
        AnyProblem, BodyProblem,
    ),
)]
pub async fn put(
    State(app): State<Arc<App>>,
    PathParam(name): PathParam<Name>,
    query: Query,
    JsonBody { value: spec, .. }: JsonBody<KindSpec>,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    if name.is_reserved() {
        let detail = "must not start with tollgate.".to_owned();
        return Err(Problem::InvalidParameter { name: "name", detail }.into());
    }
    let violations = violations(&spec, app.timing);
    if !violations.is_empty() {
        return Err(Problem::InvalidBody(violations).into());
    }
    let (kind, new) = app.kinds.put(&name, &spec, &version(), app.clock.now()).await?;
    Ok(defined("kinds", &name, new, Json(KindBody::from(kind))))
}

fn violations(spec: &KindSpec, timing: Timing) -> Vec<Violation> {
    let payload_schema = Schema::compile(&spec.schema)
        .map_err(|inner| Violation::new(format!("/schema{}", inner.pointer), inner.detail));
    payload_schema.err().into_iter().chain(spec.violations(timing)).collect()
}

/// Delete a kind.
///
/// Refused while jobs of this kind are queued or running, or if checking all jobs takes longer than
/// five seconds.
#[utoipa::path(
    delete, path = "/v1/kinds/{name}", tag = "kinds", operation_id = "deleteKind",
    security(("key" = ["admin"])),
    params(("name" = Name, Path, description = "The kind's name")),
    responses(
        (status = 204, description = "The kind is deleted"),
        (
            status = 409, description = "The kind has unfinished jobs",
            body = api::ProblemBody, content_type = "application/problem+json"
        ),
        AnyProblem,
    ),
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<StatusCode, ApiError> {
    query.reject_unknown()?;
    if app.kinds.find(&name).await?.is_none() {
        return Err(Problem::NotFound.into());
    }
    match tokio::time::timeout(SEARCH_TIMEOUT, app.any_waiting(&name)).await {
        Ok(Ok(false)) => {}
        Ok(Ok(true)) | Err(_) => return Err(Problem::KindInUse.into()),
        Ok(Err(failure)) => return Err(failure),
    }
    if app.kinds.delete(&name).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::NotFound.into())
    }
}

impl App {
    async fn any_waiting(&self, kind: &Name) -> Result<bool, ApiError> {
        for account in self.accounts.all().await? {
            if self.jobs.has_unfinished(account, kind).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
