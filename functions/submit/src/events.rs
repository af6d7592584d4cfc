//! `POST /v1/accounts/{id}/events`.

mod publish;

use std::sync::Arc;

use api::{EventAccepted, EventRequest, ProblemBody, parameter};
use axum::{Extension, extract::State, response::Response};
use http::HeaderMap;
use model::id::AccountId;
use tollgate_http::{ApiError, JsonBody, MaybeReplay, PathParam, Query, RequestId};

use crate::idempotency::IdempotencyToken;

pub use publish::{Events, authorize_publisher, publish_event};

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
    State(events): State<Arc<Events>>,
    caller: MaybeReplay,
    Extension(RequestId(request_id)): Extension<RequestId>,
    PathParam(account): PathParam<AccountId>,
    headers: HeaderMap,
    query: Query,
    JsonBody { value: event, text, .. }: JsonBody<EventRequest>,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    let route = format!("POST /v1/accounts/{account}/events");
    let idempotency = IdempotencyToken::from_request(&headers, &route, &text)?;
    authorize_publisher(&events, &caller.0, account).await?;
    publish_event(&events, &caller, account, event, idempotency.as_ref(), &request_id).await
}
