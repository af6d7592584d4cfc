//! `GET /v1/kinds` and `GET /v1/kinds/{name}`.

use std::sync::Arc;

use api::{AnyProblem, Cursor, KindBody, Page, Problem, parameter};
use axum::{Json, extract::State};
use model::name::Name;
use tollgate_http::{ApiError, PathParam, Query};

use crate::App;

/// Tag of this list's cursors.
const LIST: &str = "kinds";

/// List the kinds by name. Any key may do so.
#[utoipa::path(
    get, path = "/v1/kinds", tag = "kinds", operation_id = "listKinds",
    security(("key" = [])),
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
    responses((status = 200, description = "A page", body = Page<KindBody>), AnyProblem),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    mut query: Query,
) -> Result<Json<Page<KindBody>>, ApiError> {
    let limit = query.limit()?;
    let after = query.cursor::<Name>(LIST)?;
    query.reject_unknown()?;
    let (kinds, more) = app.kinds.page(after.as_ref().map(Name::as_str), limit).await?;
    let last = kinds.last().filter(|_| more).map(|kind| kind.name.to_string());
    Ok(Json(Page {
        items: kinds.into_iter().map(KindBody::from).collect(),
        next_cursor: last.map(|after| Cursor { after }.encode(LIST)),
    }))
}

/// Get a kind. Any key may do so; the values of its target's headers are masked.
#[utoipa::path(
    get, path = "/v1/kinds/{name}", tag = "kinds", operation_id = "getKind",
    security(("key" = [])),
    params(("name" = Name, Path, description = "The kind's name")),
    responses((status = 200, description = "The kind", body = KindBody), AnyProblem),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<Json<KindBody>, ApiError> {
    query.reject_unknown()?;
    let kind = app.kinds.find(&name).await?.ok_or(Problem::NotFound)?;
    Ok(Json(KindBody::from(kind)))
}
