//! `POST /v1/accounts/{id}/events` and its compatibility form.

pub mod tracker;

use std::sync::Arc;

use api::{EventAccepted, EventRequest, Problem, ProblemBody, parameter};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, StatusCode};
use model::{
    event::Content,
    id::{AccountId, EventId},
    time::Time,
};
use store::{BeginResult, PublishResult};
use tollgate_http::{
    ApiError, Caller, JsonBody, MaybeReplay, PathParam, Query, RequestId, fingerprint,
};

use crate::{App, idempotency, job::IdempotencyToken};

/// Maximum length of a source, as in the schema of `EventRequest`. A token's subject may be longer.
const MAX_SOURCE_LENGTH: usize = 255;

/// Publish an event to an account.
///
/// Every subscriber of the account receives the event in publication order, connected ones within a
/// second. Subscribers that were offline can read it for 7 days. After a 503 the event may or may
/// not be published. With an `Idempotency-Key`, repeating the request publishes it exactly once.
#[utoipa::path(
    post, path = "/v1/accounts/{id}/events", tag = "events", operation_id = "publishEvent",
    params(
        (
            "id" = parameter::AccountId, Path,
            description = "The key's account; any account for `admin`"
        ),
        parameter::IdempotencyKey,
    ),
    request_body = EventRequest,
    responses(
        (status = 202, description = "The event is published", body = EventAccepted, headers(
            (
                "Idempotency-Replayed" = bool,
                description = "`true` if an earlier request published the event"
            ),
        )),
        (
            status = 409,
            description = "The account is inactive, or the first request with this \
                `Idempotency-Key` is still in progress",
            body = ProblemBody, content_type = "application/problem+json"
        ),
    ),
)]
pub async fn publish(
    State(app): State<Arc<App>>,
    repeater: MaybeReplay,
    Extension(RequestId(request)): Extension<RequestId>,
    PathParam(account): PathParam<AccountId>,
    headers: HeaderMap,
    query: Query,
    JsonBody { value: wanted, text, .. }: JsonBody<EventRequest>,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    let key = idempotency::key(&headers)?;
    app.check_publisher(&repeater.0, account).await?;
    let route = format!("POST /v1/accounts/{account}/events");
    let repeat = key.map(|key| IdempotencyToken { key, fingerprint: fingerprint(&route, &text) });
    app.publish(&repeater, account, wanted, repeat.as_ref(), &request).await
}

impl App {
    async fn publish(
        &self,
        repeater: &MaybeReplay,
        account: AccountId,
        wanted: EventRequest,
        repeat: Option<&IdempotencyToken>,
        request: &str,
    ) -> Result<Response, ApiError> {
        self.refuse_new(repeater, account, repeat, self.clock.now()).await?;
        let violations = wanted.violations();
        if !violations.is_empty() {
            return Err(Problem::InvalidBody(violations).into());
        }
        let source = wanted
            .source
            .unwrap_or_else(|| repeater.0.name().chars().take(MAX_SOURCE_LENGTH).collect());
        let content = Content::data(wanted.data, source);
        let (id, replayed) = match repeat {
            None => {
                let place = self.events.reserve().await;
                (self.events.publish(place, account, content).await?, false)
            }
            Some(repeat) => self.publish_once(account, repeat, content).await?,
        };
        tracing::debug!(request.id = request, %account, event = %id, replayed, "event accepted");
        let told = replayed.then_some([(HeaderName::from_static("idempotency-replayed"), "true")]);
        Ok((StatusCode::ACCEPTED, told, Json(EventAccepted { id })).into_response())
    }

    /// Checks that the caller may access the account and that it is active.
    async fn check_publisher(&self, caller: &Caller, account: AccountId) -> Result<(), ApiError> {
        if account == caller.account() {
            return Ok(());
        }
        if !caller.may_access(account) {
            return Err(Problem::NotFound.into());
        }
        let known =
            self.accounts.get_cached(account, self.clock.now()).await?.ok_or(Problem::NotFound)?;
        if known.is_active { Ok(()) } else { Err(Problem::TargetAccountInactive.into()) }
    }

    /// Publishes the event unless an earlier request did. Returns whether one did.
    async fn publish_once(
        &self,
        account: AccountId,
        repeat: &IdempotencyToken,
        content: Content,
    ) -> Result<(EventId, bool), ApiError> {
        let IdempotencyToken { key, fingerprint } = repeat;
        let place = self.events.reserve().await;
        let now: Time = self.clock.now();
        match self.idempotency.begin(account, key, fingerprint, place.id(), None, now).await? {
            BeginResult::First => Ok((self.events.publish(place, account, content).await?, false)),
            BeginResult::DifferentRequest => Err(Problem::IdempotencyKeyReused.into()),
            BeginResult::Repeated { id: first, .. } => {
                match self.events.publish_once(account, key, fingerprint, first, content).await? {
                    PublishResult::Stored(id) => Ok((id, true)),
                    PublishResult::RetryAt(_) => Err(Problem::IdempotencyInProgress.into()),
                }
            }
        }
    }
}
