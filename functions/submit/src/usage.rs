//! `POST /v1/usage`.

mod count;
mod parse;

use std::sync::Arc;

use api::{MAX_USAGE_EVENTS, Problem, UsageAccepted, UsageBatch, UsageEvent, UsageReported};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};
use model::violation::Violation;
use serde_json::Value;
use store::PushResult;
use tollgate_http::{ApiError, Caller, PayloadBody, Query, RequestId};

pub use count::Usage;

/// Report usage.
///
/// Send one `CloudEvent` in structured mode, or up to 100 as `application/cloudevents-batch+json`.
/// Each event of a batch is accepted or refused individually. An event is identified by `source`
/// and `id` and counts once, even if you send it repeatedly within two days. After a 503, repeat
/// the request unchanged.
#[utoipa::path(
    post, path = "/v1/usage", tag = "usage", operation_id = "reportUsage",
    request_body(content(
        (UsageEvent = "application/cloudevents+json"),
        (UsageBatch = "application/cloudevents-batch+json"),
    )),
    responses(
        (
            status = 202,
            description = "Result of each event of a batch",
            body = UsageReported
        ),
    ),
)]
pub async fn report(
    State(usage): State<Arc<Usage>>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    query: Query,
    headers: HeaderMap,
    PayloadBody { json, .. }: PayloadBody,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    if let Some(violation) = media_type_mismatch(&headers, &json) {
        return Err(Problem::InvalidBody(vec![violation]).into());
    }
    let (is_batch, events) = match json {
        Value::Array(events) => (true, events),
        event => (false, vec![event]),
    };
    if events.is_empty() || events.len() > MAX_USAGE_EVENTS {
        let violation = Violation::new("", format!("must have 1 to {MAX_USAGE_EVENTS} events"));
        return Err(Problem::InvalidBody(vec![violation]).into());
    }
    let mut results = count::count(&usage, &caller, &events).await?;
    if !is_batch
        && let Some(problem) = results.pop_if(|result| result.is_err()).and_then(Result::err)
    {
        return Err(problem.into());
    }
    let items = results.into_iter().map(|result| item(result, &request_id)).collect();
    Ok((StatusCode::ACCEPTED, Json(UsageReported { items })).into_response())
}

/// Checks that the body matches its `CloudEvents` media type, which declares one event or a list.
/// Other JSON may be either.
fn media_type_mismatch(headers: &HeaderMap, json: &Value) -> Option<Violation> {
    let declared = headers
        .get(header::CONTENT_TYPE)?
        .to_str()
        .ok()?
        .split(';')
        .next()?
        .trim()
        .to_ascii_lowercase();
    match declared.as_str() {
        "application/cloudevents+json" if json.is_array() => Some(Violation::new(
            "",
            "must be one event; use application/cloudevents-batch+json for a list",
        )),
        "application/cloudevents-batch+json" if !json.is_array() => {
            Some(Violation::new("", "must be a list of events"))
        }
        _ => None,
    }
}

fn item(result: Result<PushResult, Problem>, request_id: &str) -> UsageAccepted {
    match result {
        Ok(pushed) => UsageAccepted {
            status: 202,
            duplicate: Some(pushed == PushResult::Duplicate),
            problem: None,
        },
        Err(problem) => {
            let problem = problem.body(request_id);
            UsageAccepted { status: problem.status, duplicate: None, problem: Some(problem) }
        }
    }
}
