//! `POST /v1/accounts/{id}/webhook-secrets`.

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use http::{HeaderName, StatusCode, header};
use shared::{
    api::{AnyProblem, Problem, WebhookSecretBody, parameter},
    gate::{Caller, Failure, Named, Query, RequestId},
    id::AccountId,
};

use crate::App;

/// How often it is tried to be the only one who renews an account's secrets.
const TRIES: usize = 5;

/// Make a new secret for the key's account; `admin` may for any.
///
/// The one before signs for 24 hours more, beside the new one: time for a target to learn it. Within 20 seconds every request has both
/// signatures. Three secrets at most sign at once.
#[utoipa::path(
    post, path = "/v1/accounts/{id}/webhook-secrets", tag = "accounts", operation_id = "createWebhookSecret",
    security(("key" = ["jobs:write"])),
    params(("id" = parameter::AccountId, Path, description = "The account's id")),
    responses(
        (status = 201, description = "The new secret", body = WebhookSecretBody),
        (status = 409, description = "Three secrets sign already", body = shared::api::ProblemBody, content_type = "application/problem+json"),
        AnyProblem,
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    Named(id): Named<AccountId>,
    query: Query,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<WebhookSecretBody>), Failure> {
    query.end()?;
    let id = caller.reaching(id)?;
    for _ in 0..TRIES {
        let account = app.accounts.find(id).await?.ok_or(Problem::NotFound)?;
        let before = account.webhook_secrets;
        let after = before.renewed(rand::random(), app.clock.now()).map_err(Problem::from)?;
        if app.accounts.replace_secrets(id, &before, &after).await? {
            tracing::info!(request.id = request, account = %id, by = %caller, "webhook secret made");
            let newest =
                after.all().first().map(WebhookSecretBody::from).ok_or(Problem::Internal)?;
            return Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(newest)));
        }
    }
    Err(Problem::Unavailable.into())
}
