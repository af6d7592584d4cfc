//! `POST /v1/accounts` and `PATCH /v1/accounts/{id}`.

use std::sync::Arc;

use api::{AccountBody, AnyProblem, BodyProblem, Problem, parameter};
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
use tollgate_http::{ApiError, Caller, JsonBody, PathParam, Query, RequestId};

use crate::App;

/// Create an account.
///
/// The account has one webhook secret and no keys.
#[utoipa::path(
    post, path = "/v1/accounts", tag = "accounts", operation_id = "createAccount",
    security(("key" = ["admin"])),
    request_body = NewAccount,
    responses(
        (
            status = 201, description = "The account", body = AccountBody,
            links(
                ("getAccount" = (
                    operation_id = "getAccount",
                    parameters(("id" = "$response.body#/id"))
                )),
                ("changeAccount" = (
                    operation_id = "changeAccount",
                    parameters(("id" = "$response.body#/id"))
                )),
                ("createKey" = (
                    operation_id = "createKey",
                    parameters(("id" = "$response.body#/id"))
                )),
                ("listKeys" = (
                    operation_id = "listKeys",
                    parameters(("id" = "$response.body#/id"))
                )),
                ("publishEvent" = (
                    operation_id = "publishEvent",
                    parameters(("id" = "$response.body#/id"))
                ))
            ),
            headers(("Location" = String, description = "The account"))
        ),
        AnyProblem, BodyProblem,
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    query: Query,
    JsonBody { value: new, .. }: JsonBody<NewAccount>,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    let now = app.clock.now();
    let account = new.open(id::generate(now, rand::random()), rand::random(), now);
    app.accounts.put_account(&account).await?;
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
    security(("key" = ["admin"])),
    params(("id" = parameter::AccountId, Path, description = "The account's id")),
    request_body = AccountChange,
    responses(
        (status = 200, description = "The changed account", body = AccountBody),
        (
            status = 409,
            description = "A key can't deactivate its own account",
            body = api::ProblemBody, content_type = "application/problem+json"
        ),
        AnyProblem, BodyProblem,
    ),
)]
pub async fn change(
    State(app): State<Arc<App>>,
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
    let account = app.accounts.change(id, &change).await?.ok_or(Problem::NotFound)?;
    tracing::info!(
        request.id = request, account = %id, is_active = account.is_active,
        max_running = account.max_running, by = %caller,
        "account changed"
    );
    Ok(Json(AccountBody::from(&account)))
}
