//! `POST /v1/accounts/{id}/keys` and `DELETE /v1/accounts/{id}/keys/{key_id}`.

use std::sync::Arc;

use api::{AnyProblem, BodyProblem, IssuedKeyBody, KeyBody, Problem, parameter};
use axum::{Extension, Json, extract::State};
use http::{HeaderName, StatusCode, header};
use model::{
    account::{ApiKey, KeyRecord, NewKey},
    id::{self, AccountId, KeyId},
};
use tollgate_http::{ApiError, Caller, JsonBody, PathParam, Query, RequestId};

use crate::App;

/// Create a key for an account.
///
/// The secret is shown in this response only; the gateway keeps a hash. The key works immediately.
#[utoipa::path(
    post, path = "/v1/accounts/{id}/keys", tag = "accounts", operation_id = "createKey",
    security(("key" = ["admin"])),
    params(("id" = parameter::AccountId, Path, description = "The account's id")),
    request_body = NewKey,
    responses(
        (
            status = 201, description = "The key, with its secret", body = IssuedKeyBody,
            links(
                ("revokeKey" = (
                    operation_id = "revokeKey",
                    parameters(("id" = "$request.path.id"), ("key_id" = "$response.body#/id"))
                ))
            ),
            headers(("Location" = String, description = "URL for revoking the key"))
        ),
        AnyProblem, BodyProblem,
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    PathParam(account): PathParam<AccountId>,
    query: Query,
    JsonBody { value: new, .. }: JsonBody<NewKey>,
) -> Result<(StatusCode, [(HeaderName, String); 2], Json<IssuedKeyBody>), ApiError> {
    query.reject_unknown()?;
    let now = app.clock.now();
    let violations = new.violations(now);
    if !violations.is_empty() {
        return Err(Problem::InvalidBody(violations).into());
    }
    if app.accounts.get_consistent(account).await?.is_none() {
        return Err(Problem::NotFound.into());
    }
    let key = ApiKey::generate(account, id::generate(now, rand::random()), rand::random());
    let record = KeyRecord {
        valid_until: new.expires_at,
        ..KeyRecord::new(&key, new.name, new.scopes, now)
    };
    app.accounts.put_key(&record).await?;
    tracing::info!(
        request.id = request, %account, key = %key.id, scopes = %record.scopes, by = %caller,
        "key created"
    );
    let fields = [
        (header::LOCATION, format!("/v1/accounts/{account}/keys/{}", key.id)),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    let body = IssuedKeyBody { key: KeyBody::from(&record), secret: key.reveal() };
    Ok((StatusCode::CREATED, fields, Json(body)))
}

/// Revoke a key.
///
/// The key stops working everywhere within 30 seconds. A revocation can't be undone. Revoking a
/// revoked key has no effect.
#[utoipa::path(
    delete, path = "/v1/accounts/{id}/keys/{key_id}", tag = "accounts", operation_id = "revokeKey",
    security(("key" = ["admin"])),
    params(
        ("id" = parameter::AccountId, Path, description = "The account's id"),
        ("key_id" = parameter::KeyId, Path, description = "The key's id")
    ),
    responses(
        (status = 204, description = "The key is revoked"),
        (
            status = 409, description = "A key can't revoke itself",
            body = api::ProblemBody, content_type = "application/problem+json"
        ),
        AnyProblem,
    ),
)]
pub async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    PathParam((account, key)): PathParam<(AccountId, KeyId)>,
    query: Query,
) -> Result<StatusCode, ApiError> {
    query.reject_unknown()?;
    if caller.account() == account && caller.key() == Some(key) {
        return Err(Problem::OwnAccess.into());
    }
    if !app.accounts.revoke(account, key, app.clock.now()).await? {
        return Err(Problem::NotFound.into());
    }
    tracing::info!(request.id = request, %account, %key, by = %caller, "key revoked");
    Ok(StatusCode::NO_CONTENT)
}
