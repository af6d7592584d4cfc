//! `GET /v1/accounts/{id}/webhook-secrets`.

use std::sync::Arc;

use api::{AnyProblem, Problem, WebhookSecretsBody, parameter};
use axum::{Json, extract::State};
use http::{HeaderName, header};
use model::id::AccountId;
use tollgate_http::{ApiError, Caller, PathParam, Query};

use crate::App;

/// List the webhook secrets of the key's account. Keys with `admin` can list any account's.
#[utoipa::path(
    get,
    path = "/v1/accounts/{id}/webhook-secrets",
    tag = "accounts",
    operation_id = "listWebhookSecrets",
    security(("key" = ["jobs:write"])),
    params(("id" = parameter::AccountId, Path, description = "The account's id")),
    responses(
        (
            status = 200, description = "The active secrets, newest first",
            body = WebhookSecretsBody
        ),
        AnyProblem
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathParam(id): PathParam<AccountId>,
    query: Query,
) -> Result<([(HeaderName, &'static str); 1], Json<WebhookSecretsBody>), ApiError> {
    query.reject_unknown()?;
    let account = app
        .accounts
        .get_consistent(caller.authorize_account(id)?)
        .await?
        .ok_or(Problem::NotFound)?;
    let secrets = WebhookSecretsBody::valid_at(&account.webhook_secrets, app.clock.now());
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(secrets)))
}
