//! `POST /v1/push/tickets`.

use std::sync::Arc;

use api::TicketBody;
use axum::{Json, extract::State};
use http::{HeaderName, StatusCode, header};
use model::push::{TICKET_TTL, Ticket};
use runtime::clock::Clock;
use store::ConnectionStore;
use tollgate_http::{ApiError, Caller, Query};

/// Context of tickets for WebSocket connections.
#[derive(Debug)]
pub struct Tickets {
    pub connections: ConnectionStore,
    pub push_url: String,
    pub clock: Clock,
}

/// Create a ticket for a WebSocket connection.
///
/// Open a WebSocket to `url` with the query parameter `ticket`. Then subscribe to the events of one
/// or more accounts, starting after a cursor:
///
/// `{"action":"subscribe","accounts":["acc_…"],"after":"<cursor>"}`
///
/// The gateway answers `{"type":"subscribed"}` and sends
/// `{"type":"events","events":[…],"cursor":"…"}`: first the events after the cursor, then new ones
/// within a second. Messages hold at most 100 events, oldest first. Keep the last cursor. A
/// connection ends after two hours at the latest; reconnect with a new ticket and the cursor, and
/// no event is lost. An event may be delivered twice after a failure; compare its `id`.
///
/// Send `{"action":"ping"}` once a minute, and whenever you receive `{"type":"more"}`. The answer
/// is `{"type":"pong"}`, or the events not sent yet. Errors arrive as
/// `{"type":"error","problem":{…}}`. A connection whose key is revoked is closed at the next event.
/// A message without `type` reports a failure of API Gateway's integration: repeat your message or
/// reconnect.
///
/// The request needs no body. Without WebSockets, read events by `GET /v1/events` with `Prefer:
/// wait=20`; both use the same cursors.
#[utoipa::path(
    post, path = "/v1/push/tickets", tag = "events", operation_id = "createPushTicket",
    responses(
        (
            status = 201, description = "The ticket, valid for 60 seconds and one connection",
            body = TicketBody
        ),
    ),
)]
pub async fn create(
    State(tickets): State<Arc<Tickets>>,
    caller: Caller,
    query: Query,
) -> Result<(StatusCode, [(HeaderName, &'static str); 1], Json<TicketBody>), ApiError> {
    query.reject_unknown()?;
    let (ticket, expires_at) = (Ticket::generate(rand::random()), tickets.clock.now() + TICKET_TTL);
    tickets.connections.put_ticket(&ticket, &caller.subscriber(), expires_at).await?;
    let body = TicketBody { url: tickets.push_url.clone(), ticket: ticket.reveal(), expires_at };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(body)))
}
