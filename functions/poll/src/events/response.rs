use api::{EventBody, EventPage, encode_position};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderName, header};
use model::event::{Event, ReadCursor};

use crate::long_poll::WaitResult;

/// The response with a page of events and the cursor after it.
pub fn page(events: Vec<Event>, cursor: &ReadCursor, wait_result: WaitResult) -> Response {
    let body = EventPage {
        items: events.into_iter().map(EventBody::from).collect(),
        next_cursor: encode_position(cursor),
    };
    let cache = [(header::CACHE_CONTROL, "private, no-store")];
    let applied = wait_result.applied();
    let applied = applied.map(|wait| [(HeaderName::from_static("preference-applied"), wait)]);
    let retry_after = wait_result.retry_after(None);
    let retry_after = retry_after.map(|seconds| [(header::RETRY_AFTER, seconds.to_string())]);
    (cache, applied, retry_after, Json(body)).into_response()
}
