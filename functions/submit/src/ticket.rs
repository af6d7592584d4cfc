//! `POST /v1/push/tickets`.

use std::sync::Arc;

use axum::{Json, extract::State};
use http::{HeaderName, StatusCode, header};
use shared::{
    api::{AnyProblem, TicketBody},
    gate::{Caller, Failure, Query},
    push::{TICKET_LIFE, Ticket},
};

use crate::App;

/// Get a ticket for a connection.
///
/// Open a WebSocket to `url` with `?ticket=` and the ticket, and say whose events you want, and from where on:
///
/// `{"action":"subscribe","accounts":["acc_…"],"after":"<cursor>"}`
///
/// You are told `{"type":"subscribed"}` and then sent `{"type":"events","events":[…],"cursor":"…"}`: what is behind the cursor first, then
/// events as they come, within a second, oldest first and at most 100 in one message. Keep the last cursor. When the connection ends, as it
/// does after two hours at the latest, get another ticket and go on from there: nothing is missed. An event comes twice only where a call or a
/// function failed while it was sent; its `id` tells.
///
/// Say `{"action":"ping"}` once a minute; the answer is `{"type":"pong"}`, or whatever there still was to send. Do the same when you are told
/// `{"type":"more"}`. What is wrong comes as `{"type":"error","problem":{…}}`. A connection whose key is revoked is closed with the next event.
/// A message without `type` is the gateway's own, of a function that failed: say it again, or connect anew.
///
/// No body is needed. Where a WebSocket can't be opened, read events by `GET /v1/events` with `Prefer: wait=20`; cursors are good for both.
#[utoipa::path(
    post, path = "/v1/push/tickets", tag = "events", operation_id = "createPushTicket",
    security(("key" = ["events:read"])),
    responses(
        (status = 201, description = "The ticket, good for 60 seconds and one connection", body = TicketBody),
        AnyProblem,
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: Query,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<TicketBody>), Failure> {
    query.end()?;
    let (ticket, expires_at) = (Ticket::mint(rand::random()), app.clock.now() + TICKET_LIFE);
    app.connections.put_ticket(&ticket, &caller.subscriber(), expires_at).await?;
    let body = TicketBody { url: app.push_url.clone(), ticket: ticket.reveal(), expires_at };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(body)))
}
