//! `PUT /v1/accounts/{id}/events?data=…` of the account tracker.

use std::sync::Arc;

use api::{EventAccepted, EventRequest, Problem, ProblemBody, parameter};
use axum::{Extension, extract::State, response::Response};
use http::HeaderMap;
use model::id::AccountId;
use serde_json::value::to_raw_value;
use tollgate_http::{ApiError, MaybeReplay, PathParam, Query, RequestId};

use crate::{
    events::{Events, authorize_publisher, publish_event},
    idempotency::IdempotencyToken,
};

/// Publish a text as an event (account tracker API).
///
/// The event's data is the text of `data` as a JSON string; its source is the key's name. A request
/// body is ignored. Checks and guarantees are those of `POST`. New clients should use `POST`: its
/// data may be any JSON and up to the schema's limit, while a URL ends at about 8 KB.
#[utoipa::path(
    put, path = "/v1/accounts/{id}/events", tag = "compat", operation_id = "putEvent",
    params(
        (
            "id" = parameter::AccountId, Path,
            description = "The key's account; any account for `admin`"
        ),
        (
            "data" = String, Query,
            description = "Text to publish, percent-encoded UTF-8; not empty",
            example = "hello%20world"
        ),
        parameter::IdempotencyKey,
    ),
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
        (
            status = 422,
            description = "`data` is empty, or over 64 KiB as JSON; or the `Idempotency-Key` was \
                used for another request",
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
    mut query: Query,
) -> Result<Response, ApiError> {
    // Checked first, so that parameter errors don't reveal whether an account exists.
    authorize_publisher(&events, &caller.0, account).await?;
    let missing = || Problem::InvalidParameter { name: "data", detail: "required".to_owned() };
    let text = query.take::<String>("data")?.ok_or_else(missing)?;
    query.reject_unknown()?;
    let data = to_raw_value(&text)
        .map_err(|error| ApiError::with_cause(Problem::Internal, error.to_string()))?;
    let route = format!("PUT /v1/accounts/{account}/events");
    let idempotency = IdempotencyToken::from_request(&headers, &route, &data)?;
    let event = EventRequest { data, source: None };
    publish_event(&events, &caller, account, event, idempotency.as_ref(), &request_id).await
}
