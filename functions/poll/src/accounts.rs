//! `GET /v1/accounts` and `GET /v1/accounts/{id}`.

use std::sync::Arc;

use api::{AccountBody, AnyProblem, Cursor, Page, Problem, parameter};
use axum::{Json, extract::State};
use model::id::AccountId;
use tollgate_http::{ApiError, PathParam, Query};

use crate::App;

/// Tag of this list's cursors.
const LIST: &str = "accounts";

/// List the accounts, oldest first.
#[utoipa::path(
    get, path = "/v1/accounts", tag = "accounts", operation_id = "listAccounts",
    security(("key" = ["admin"])),
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
    responses((status = 200, description = "A page", body = Page<AccountBody>), AnyProblem),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    mut query: Query,
) -> Result<Json<Page<AccountBody>>, ApiError> {
    let limit = query.limit()?;
    let after = query.cursor::<AccountId>(LIST)?;
    query.reject_unknown()?;
    let (accounts, last) = app.accounts.page(after, limit).await?;
    Ok(Json(Page {
        items: accounts.iter().map(AccountBody::from).collect(),
        next_cursor: last.map(|id| Cursor { after: id.to_string() }.encode(LIST)),
    }))
}

/// Get an account.
#[utoipa::path(
    get, path = "/v1/accounts/{id}", tag = "accounts", operation_id = "getAccount",
    security(("key" = ["admin"])),
    params(("id" = parameter::AccountId, Path, description = "The account's id")),
    responses((status = 200, description = "The account", body = AccountBody), AnyProblem),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    PathParam(id): PathParam<AccountId>,
    query: Query,
) -> Result<Json<AccountBody>, ApiError> {
    query.reject_unknown()?;
    let account = app.accounts.get_consistent(id).await?.ok_or(Problem::NotFound)?;
    Ok(Json(AccountBody::from(&account)))
}
