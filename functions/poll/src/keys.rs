//! `GET /v1/accounts/{id}/keys`.

use std::sync::Arc;

use api::{AnyProblem, Cursor, KeyBody, Page, Problem, parameter};
use axum::{Json, extract::State};
use model::id::{AccountId, KeyId};
use tollgate_http::{ApiError, PathParam, Query};

use crate::App;

/// List an account's keys, oldest first, without their secrets.
///
/// Revoked and expired keys are listed for another 30 days. A page may have fewer than `limit`
/// items, or none, and not be the last; check `next_cursor`.
#[utoipa::path(
    get, path = "/v1/accounts/{id}/keys", tag = "accounts", operation_id = "listKeys",
    security(("key" = ["admin"])),
    params(
        ("id" = parameter::AccountId, Path, description = "The account's id"),
        (
            "limit" = Option<u8>, Query, minimum = 1, maximum = 100,
            description = "Maximum number of items; defaults to 20"
        ),
        (
            "cursor" = Option<parameter::Cursor>, Query,
            description = "The `next_cursor` of the previous page"
        ),
    ),
    responses((status = 200, description = "A page", body = Page<KeyBody>), AnyProblem),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    PathParam(account): PathParam<AccountId>,
    mut query: Query,
) -> Result<Json<Page<KeyBody>>, ApiError> {
    let limit = query.limit()?;
    let list = format!("keys {account}");
    let after = query.cursor::<KeyId>(&list)?;
    query.reject_unknown()?;
    if app.accounts.get_consistent(account).await?.is_none() {
        return Err(Problem::NotFound.into());
    }
    let (keys, last) = app.accounts.keys(account, after, limit, app.clock.now()).await?;
    Ok(Json(Page {
        items: keys.iter().map(KeyBody::from).collect(),
        next_cursor: last.map(|id| Cursor { after: id.to_string() }.encode(&list)),
    }))
}
