//! Accounts.

use std::sync::Arc;

use api::{AccountBody, Cursor, Page, Problem, parameter};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use model::{
    account::{AccountChange, NewAccount},
    id::{self, AccountId},
};
use runtime::clock::Clock;
use store::AccountStore;
use tollgate_http::{ApiError, Caller, JsonBody, PathParam, Query, RequestId};

/// Tag of this list's cursors.
const LIST: &str = "accounts";

/// Context of accounts, their keys and their webhook secrets.
#[derive(Debug)]
pub struct Accounts {
    pub store: Arc<AccountStore>,
    pub clock: Clock,
}

/// Create an account.
///
/// The account has one webhook secret and no keys.
#[utoipa::path(
    post, path = "/v1/accounts", tag = "accounts", operation_id = "createAccount",
    request_body = NewAccount,
    responses(
        (
            status = 201, description = "The account", body = AccountBody,
            headers(("Location" = String, description = "The account"))
        ),
    ),
)]
pub async fn create(
    State(accounts): State<Arc<Accounts>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    query: Query,
    JsonBody { value: new, .. }: JsonBody<NewAccount>,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    let now = accounts.clock.now();
    let account = new.open(id::generate(now, rand::random()), rand::random(), now);
    accounts.store.put_account(&account).await?;
    tracing::info!(
        request.id = request, account = %account.id, is_active = account.is_active, by = %caller,
        "account created"
    );
    let location = format!("/v1/accounts/{}", account.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(AccountBody::from(&account)))
        .into_response())
}

/// Change an account.
///
/// Properties that the body omits don't change. A new concurrency limit takes effect within 20
/// seconds. The keys of a deactivated account stop working within 30 seconds.
#[utoipa::path(
    patch, path = "/v1/accounts/{id}", tag = "accounts", operation_id = "changeAccount",
    params(("id" = parameter::AccountId, Path, description = "The account's id")),
    request_body = AccountChange,
    responses(
        (status = 200, description = "The changed account", body = AccountBody),
        (
            status = 409,
            description = "A key can't deactivate its own account",
            body = api::ProblemBody, content_type = "application/problem+json"
        ),
    ),
)]
pub async fn change(
    State(accounts): State<Arc<Accounts>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    PathParam(id): PathParam<AccountId>,
    query: Query,
    JsonBody { value: change, .. }: JsonBody<AccountChange>,
) -> Result<Json<AccountBody>, ApiError> {
    query.reject_unknown()?;
    if change.is_active == Some(false) && id == caller.account() {
        return Err(Problem::OwnAccess.into());
    }
    let account = accounts.store.change(id, &change).await?.ok_or(Problem::NotFound)?;
    tracing::info!(
        request.id = request, account = %id, is_active = account.is_active,
        max_running = account.max_running, by = %caller,
        "account changed"
    );
    Ok(Json(AccountBody::from(&account)))
}

/// List the accounts, oldest first.
#[utoipa::path(
    get, path = "/v1/accounts", tag = "accounts", operation_id = "listAccounts",
    params(parameter::Paging),
    responses((status = 200, description = "A page", body = Page<AccountBody>)),
)]
pub async fn list(
    State(accounts): State<Arc<Accounts>>,
    mut query: Query,
) -> Result<Json<Page<AccountBody>>, ApiError> {
    let limit = query.limit()?;
    let after = query.cursor::<AccountId>(LIST)?;
    query.reject_unknown()?;
    let (page, last) = accounts.store.page(after, limit).await?;
    Ok(Json(Page {
        items: page.iter().map(AccountBody::from).collect(),
        next_cursor: last.map(|id| Cursor { after: id.to_string() }.encode(LIST)),
    }))
}

/// Get an account.
#[utoipa::path(
    get, path = "/v1/accounts/{id}", tag = "accounts", operation_id = "getAccount",
    params(("id" = parameter::AccountId, Path, description = "The account's id")),
    responses((status = 200, description = "The account", body = AccountBody)),
)]
pub async fn get(
    State(accounts): State<Arc<Accounts>>,
    PathParam(id): PathParam<AccountId>,
    query: Query,
) -> Result<Json<AccountBody>, ApiError> {
    query.reject_unknown()?;
    let account = accounts.store.get_consistent(id).await?.ok_or(Problem::NotFound)?;
    Ok(Json(AccountBody::from(&account)))
}
