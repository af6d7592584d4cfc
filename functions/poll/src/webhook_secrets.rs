//! `GET /v1/accounts/{id}/webhook-secrets`.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::{HeaderName, header};
use shared::{
    api::{AnyProblem, Problem, WebhookSecretsBody, parameter},
    gate::{Caller, Failure, Named, Query},
    id::AccountId,
};

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
    Named(id): Named<AccountId>,
    query: Query,
) -> Result<([(HeaderName, &'static str); 1], Json<WebhookSecretsBody>), Failure> {
    query.end()?;
    let account = app.accounts.find(caller.reaching(id)?).await?.ok_or(Problem::NotFound)?;
    let secrets = WebhookSecretsBody::good(&account.webhook_secrets, app.clock.now());
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(secrets)))
}
