//! Publishes an event of a client.

use std::sync::Arc;

use api::{EventAccepted, EventRequest, Problem};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use model::{
    event::Content,
    id::{AccountId, EventId},
};
use runtime::clock::Clock;
use store::{AccountStore, BeginResult, EventStore, IdempotencyStore, PublishResult};
use tollgate_http::{ApiError, Caller, MaybeReplay};

use crate::{
    idempotency::{IdempotencyToken, replayed_header},
    quota::check_quota,
};

/// Maximum length of a source, as in the schema of `EventRequest`. A token's subject may be longer.
const MAX_SOURCE_LENGTH: usize = 255;

/// Context of publishing events.
#[derive(Debug)]
pub struct Events {
    pub store: Arc<EventStore>,
    pub accounts: Arc<AccountStore>,
    pub idempotency: IdempotencyStore,
    pub clock: Clock,
}

/// Checks that the caller may access the account and that it is active.
pub async fn authorize_publisher(
    events: &Events,
    caller: &Caller,
    account: AccountId,
) -> Result<(), ApiError> {
    if account == caller.account() {
        return Ok(());
    }
    if !caller.may_access(account) {
        return Err(Problem::NotFound.into());
    }
    let account = events.accounts.get_cached(account, events.clock.now()).await?;
    let account = account.ok_or(Problem::NotFound)?;
    if account.is_active { Ok(()) } else { Err(Problem::TargetAccountInactive.into()) }
}

/// Publishes an event to an account for an authorized caller.
pub async fn publish_event(
    events: &Events,
    caller: &MaybeReplay,
    account: AccountId,
    event: EventRequest,
    idempotency: Option<&IdempotencyToken>,
    request_id: &str,
) -> Result<Response, ApiError> {
    check_quota(&events.idempotency, caller, account, idempotency, events.clock.now()).await?;
    let violations = event.violations();
    Problem::check_body(violations)?;
    let default_source = || caller.0.name().chars().take(MAX_SOURCE_LENGTH).collect();
    let content = Content::data(event.data, event.source.unwrap_or_else(default_source));
    let (id, replayed) = match idempotency {
        None => {
            let reservation = events.store.reserve().await;
            (events.store.publish(reservation, account, content).await?, false)
        }
        Some(idempotency) => publish_once(events, account, idempotency, content).await?,
    };
    tracing::debug!(request.id = request_id, %account, event = %id, replayed, "event accepted");
    Ok((StatusCode::ACCEPTED, replayed_header(replayed), Json(EventAccepted { id }))
        .into_response())
}

/// Publishes the event unless an earlier request did. Returns whether one did.
async fn publish_once(
    events: &Events,
    account: AccountId,
    IdempotencyToken { key, fingerprint }: &IdempotencyToken,
    content: Content,
) -> Result<(EventId, bool), ApiError> {
    let reservation = events.store.reserve().await;
    let (id, now) = (reservation.id(), events.clock.now());
    match events.idempotency.begin(account, key, fingerprint, id, None, now).await? {
        BeginResult::First => {
            Ok((events.store.publish(reservation, account, content).await?, false))
        }
        BeginResult::DifferentRequest => Err(Problem::IdempotencyKeyReused.into()),
        BeginResult::Repeated { id: first, .. } => {
            match events.store.publish_once(account, key, fingerprint, first, content).await? {
                PublishResult::Stored(id) => Ok((id, true)),
                PublishResult::RetryAt(_) => Err(Problem::IdempotencyInProgress.into()),
            }
        }
    }
}
