//! `PUT` and `DELETE /v1/sources/{name}`.

use std::sync::Arc;

use api::{AnyProblem, BodyProblem, Problem, SourceBody};
use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use model::{
    name::Name,
    usage::{SourceSpec, SourceState},
};
use tollgate_http::{ApiError, JsonBody, PathParam, Query};

use crate::{
    App,
    definition::{defined, version},
};

/// Create or replace a usage source.
///
/// The source is collected every minute, starting with the next one. Counter values from before the
/// first collection don't count; only increases do, including those after a counter reset. A
/// changed definition resets the source's counters; an unchanged one does not.
#[utoipa::path(
    put, path = "/v1/sources/{name}", tag = "usage", operation_id = "putSource",
    security(("key" = ["admin"])),
    params(("name" = Name, Path, description = "The source's name")),
    request_body = SourceSpec,
    responses(
        (
            status = 200, description = "The replaced source", body = SourceBody,
            links(
                ("getSource" = (
                    operation_id = "getSource",
                    parameters(("name" = "$response.body#/name"))
                )),
                ("deleteSource" = (
                    operation_id = "deleteSource",
                    parameters(("name" = "$response.body#/name"))
                ))
            )
        ),
        (
            status = 201, description = "The created source", body = SourceBody,
            links(
                ("getSource" = (
                    operation_id = "getSource",
                    parameters(("name" = "$response.body#/name"))
                )),
                ("deleteSource" = (
                    operation_id = "deleteSource",
                    parameters(("name" = "$response.body#/name"))
                ))
            ),
            headers(("Location" = String, description = "The source"))
        ),
        AnyProblem, BodyProblem,
    ),
)]
pub async fn put(
    State(app): State<Arc<App>>,
    PathParam(name): PathParam<Name>,
    query: Query,
    JsonBody { value: spec, .. }: JsonBody<SourceSpec>,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    let now = app.clock.now();
    let mut violations = spec.violations();
    if let Some(account) = spec.account() {
        violations.extend(app.unknown_account(account, now).await?);
    }
    if !violations.is_empty() {
        return Err(Problem::InvalidBody(violations).into());
    }
    let (source, new) = app.sources.put(&name, &spec, &version(), now).await?;
    let state = match new {
        true => SourceState::default(),
        false => app.sources.find(&name).await?.map(|(_, state)| state).unwrap_or_default(),
    };
    Ok(defined("sources", &name, new, Json(SourceBody::for_operator((source, state)))))
}

/// Delete a source.
///
/// Usage already counted is kept.
#[utoipa::path(
    delete, path = "/v1/sources/{name}", tag = "usage", operation_id = "deleteSource",
    security(("key" = ["admin"])),
    params(("name" = Name, Path, description = "The source's name")),
    responses((status = 204, description = "The source is deleted"), AnyProblem),
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<StatusCode, ApiError> {
    query.reject_unknown()?;
    if app.sources.delete(&name, app.clock.now()).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::NotFound.into())
    }
}
