//! `GET /v1/sources` and `GET /v1/sources/{name}`.

use std::sync::Arc;

use api::{AnyProblem, Cursor, Page, Problem, SourceBody, parameter};
use axum::{Json, extract::State};
use model::{
    name::Name,
    usage::{Source, SourceState},
};
use tollgate_http::{ApiError, Caller, PathParam, Query};

use crate::App;

/// List the usage sources of the key's account by name. Keys with `admin` list all sources.
///
/// Addresses and request details of sources are visible to `admin` only.
///
/// A page may have fewer than `limit` items, or none, and not be the last; check `next_cursor`.
#[utoipa::path(
    get, path = "/v1/sources", tag = "usage", operation_id = "listSources",
    security(("key" = ["usage:read"])),
    params(
        (
            "limit" = Option<u8>, Query, minimum = 1, maximum = 100,
            description = "Maximum number of items; defaults to 20"
        ),
        (
            "cursor" = Option<parameter::Cursor>, Query,
            description = "The `next_cursor` of the previous page"
        ),
    ),
    responses((status = 200, description = "A page", body = Page<SourceBody>), AnyProblem),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<Page<SourceBody>>, ApiError> {
    let limit = query.limit()?;
    let after = query.cursor::<Name>("sources")?;
    query.reject_unknown()?;
    if caller.is_admin() {
        let (found, more) = app.sources.page(after.as_ref().map(Name::as_str), limit).await?;
        let last = found.last().filter(|_| more).map(|(source, _)| source.name.clone());
        return Ok(Json(page(found, SourceBody::for_operator, last)));
    }
    // Sources are few and mostly operators', so all are read. The cursor names only sources of the
    // caller.
    let mut own = app.sources.all().await?;
    own.retain(|(source, _)| {
        is_of(source, &caller) && after.as_ref().is_none_or(|after| source.name > *after)
    });
    let more = own.len() > limit;
    own.truncate(limit);
    let last = own.last().filter(|_| more).map(|(source, _)| source.name.clone());
    Ok(Json(page(own, SourceBody::for_tenant, last)))
}

fn page(
    found: Vec<(Source, SourceState)>,
    show: fn((Source, SourceState)) -> SourceBody,
    last: Option<Name>,
) -> Page<SourceBody> {
    Page {
        items: found.into_iter().map(show).collect(),
        next_cursor: last.map(|name| Cursor { after: name.to_string() }.encode("sources")),
    }
}

/// Get a usage source of the key's account. Keys with `admin` can get any source.
///
/// Its address and request details are visible to `admin` only.
#[utoipa::path(
    get, path = "/v1/sources/{name}", tag = "usage", operation_id = "getSource",
    security(("key" = ["usage:read"])),
    params(("name" = Name, Path, description = "The source's name")),
    responses((status = 200, description = "The source", body = SourceBody), AnyProblem),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<Json<SourceBody>, ApiError> {
    query.reject_unknown()?;
    let found = app.sources.find(&name).await?.filter(|(source, _)| is_of(source, &caller));
    let show = if caller.is_admin() { SourceBody::for_operator } else { SourceBody::for_tenant };
    Ok(Json(show(found.ok_or(Problem::NotFound)?)))
}

fn is_of(source: &Source, caller: &Caller) -> bool {
    caller.is_admin() || source.spec.account() == Some(caller.account())
}
