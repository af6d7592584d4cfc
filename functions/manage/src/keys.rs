//! API keys of an account.

use std::sync::Arc;

use api::{Cursor, IssuedKeyBody, KeyBody, Page, Problem, parameter};
use axum::{Extension, Json, extract::State};
use http::{HeaderName, StatusCode, header};
use model::{
    account::{ApiKey, KeyRecord, NewKey},
    id::{self, AccountId, KeyId},
};
use tollgate_http::{ApiError, Caller, JsonBody, PathParam, Query, RequestId};

use crate::accounts::Accounts;

/// Create a key for an account.
///
/// The secret is shown in this response only; the gateway keeps a hash. The key works immediately.
#[utoipa::path(
    post, path = "/v1/accounts/{id}/keys", tag = "accounts", operation_id = "createKey",
    params(("id" = parameter::AccountId, Path, description = "The account's id")),
    request_body = NewKey,
    responses(
        (
            status = 201, description = "The key, with its secret", body = IssuedKeyBody,
            headers(("Location" = String, description = "URL for revoking the key"))
        ),
    ),
)]
pub async fn create(
    State(accounts): State<Arc<Accounts>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    PathParam(account): PathParam<AccountId>,
    query: Query,
    JsonBody { value: new, .. }: JsonBody<NewKey>,
) -> Result<(StatusCode, [(HeaderName, String); 2], Json<IssuedKeyBody>), ApiError> {
    query.reject_unknown()?;
    let now = accounts.clock.now();
    let violations = new.violations(now);
    Problem::check_body(violations)?;
    if accounts.store.get_consistent(account).await?.is_none() {
        return Err(Problem::NotFound.into());
    }
    let key = ApiKey::generate(account, id::generate(now, rand::random()), rand::random());
    let record = KeyRecord {
        valid_until: new.expires_at,
        ..KeyRecord::new(&key, new.name, new.scopes, now)
    };
    accounts.store.put_key(&record).await?;
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
    ),
)]
pub async fn revoke(
    State(accounts): State<Arc<Accounts>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    PathParam((account, key)): PathParam<(AccountId, KeyId)>,
    query: Query,
) -> Result<StatusCode, ApiError> {
    query.reject_unknown()?;
    if caller.account() == account && caller.key() == Some(key) {
        return Err(Problem::OwnAccess.into());
    }
    if !accounts.store.revoke(account, key, accounts.clock.now()).await? {
        return Err(Problem::NotFound.into());
    }
    tracing::info!(request.id = request, %account, %key, by = %caller, "key revoked");
    Ok(StatusCode::NO_CONTENT)
}

/// List an account's keys, oldest first, without their secrets.
///
/// Revoked and expired keys are listed for another 30 days. A page may have fewer than `limit`
/// items, or none, and not be the last; check `next_cursor`.
#[utoipa::path(
    get, path = "/v1/accounts/{id}/keys", tag = "accounts", operation_id = "listKeys",
    params(
        ("id" = parameter::AccountId, Path, description = "The account's id"),
        parameter::Paging,
    ),
    responses((status = 200, description = "A page", body = Page<KeyBody>)),
)]
pub async fn list(
    State(accounts): State<Arc<Accounts>>,
    PathParam(account): PathParam<AccountId>,
    mut query: Query,
) -> Result<Json<Page<KeyBody>>, ApiError> {
    let limit = query.limit()?;
    let list = format!("keys {account}");
    let after = query.cursor::<KeyId>(&list)?;
    query.reject_unknown()?;
    if accounts.store.get_consistent(account).await?.is_none() {
        return Err(Problem::NotFound.into());
    }
    let (keys, last) = accounts.store.keys(account, after, limit, accounts.clock.now()).await?;
    Ok(Json(Page {
        items: keys.iter().map(KeyBody::from).collect(),
        next_cursor: last.map(|id| Cursor { after: id.to_string() }.encode(&list)),
    }))
}
