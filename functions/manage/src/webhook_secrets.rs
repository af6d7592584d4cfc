//! Secrets with which an account's targets verify requests.

use std::sync::Arc;

use api::{Problem, WebhookSecretBody, WebhookSecretsBody, parameter};
use axum::{Extension, Json, extract::State};
use http::{HeaderName, StatusCode, header};
use model::id::AccountId;
use tollgate_http::{ApiError, Caller, PathParam, Query, RequestId};

use crate::accounts::Accounts;

/// Attempts at the conditional write, which concurrent requests can fail.
const TRIES: usize = 5;

/// Create a webhook secret for an account.
///
/// Keys with `admin` can do so for any account, others for their own. The previous secret keeps
/// signing for 24 hours, so that targets can be updated. Within 20 seconds, every request carries
/// both signatures. At most three secrets sign at the same time.
#[utoipa::path(
    post,
    path = "/v1/accounts/{id}/webhook-secrets",
    tag = "accounts",
    operation_id = "createWebhookSecret",
    params(("id" = parameter::AccountId, Path, description = "The account's id")),
    responses(
        (status = 201, description = "The new secret", body = WebhookSecretBody),
        (
            status = 409, description = "Three secrets are active",
            body = api::ProblemBody, content_type = "application/problem+json"
        ),
    ),
)]
pub async fn create(
    State(accounts): State<Arc<Accounts>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    PathParam(id): PathParam<AccountId>,
    query: Query,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<WebhookSecretBody>), ApiError> {
    query.reject_unknown()?;
    let id = caller.authorize_account(id)?;
    for _ in 0..TRIES {
        let account = accounts.store.get_consistent(id).await?.ok_or(Problem::NotFound)?;
        let before = account.webhook_secrets;
        let after = before.rotated(rand::random(), accounts.clock.now()).map_err(Problem::from)?;
        if accounts.store.replace_secrets(id, &before, &after).await? {
            tracing::info!(
                request.id = request, account = %id, by = %caller,
                "webhook secret created"
            );
            let newest =
                after.all().first().map(WebhookSecretBody::from).ok_or(Problem::Internal)?;
            return Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(newest)));
        }
    }
    Err(Problem::Unavailable.into())
}

/// List the webhook secrets of the key's account. Keys with `admin` can list any account's.
#[utoipa::path(
    get,
    path = "/v1/accounts/{id}/webhook-secrets",
    tag = "accounts",
    operation_id = "listWebhookSecrets",
    params(("id" = parameter::AccountId, Path, description = "The account's id")),
    responses(
        (
            status = 200, description = "The active secrets, newest first",
            body = WebhookSecretsBody
        ),
    ),
)]
pub async fn list(
    State(accounts): State<Arc<Accounts>>,
    caller: Caller,
    PathParam(id): PathParam<AccountId>,
    query: Query,
) -> Result<([(HeaderName, &'static str); 1], Json<WebhookSecretsBody>), ApiError> {
    query.reject_unknown()?;
    let id = caller.authorize_account(id)?;
    let account = accounts.store.get_consistent(id).await?.ok_or(Problem::NotFound)?;
    let secrets = WebhookSecretsBody::valid_at(&account.webhook_secrets, accounts.clock.now());
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(secrets)))
}
