use serde::{Deserialize, Serialize};

use super::{EventBody, ProblemBody};
use model::{id::AccountId, time::Time};

/// Ticket for a WebSocket connection over which events are pushed.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TicketBody {
    /// WebSocket URL (RFC 6455); append `?ticket=` and the ticket.
    #[schema(examples("wss://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live"))]
    pub url: String,
    /// Ticket for a single connection.
    #[schema(examples("dHJhdmVsbGVyLCB0aGVyZSBpcyBubyB0aWNrZXQgaA"))]
    pub ticket: String,
    /// Time when the ticket expires, 60 seconds after creation.
    pub expires_at: Time,
}

/// Message from a subscriber.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum PushRequest {
    /// Subscribes to events, starting after the cursor. Once per connection; open another
    /// connection for other accounts.
    Subscribe {
        /// Accounts to subscribe to, at most 50. Defaults to the key's account; others require
        /// `admin`.
        #[serde(default)]
        #[schema(value_type = Vec<String>)]
        accounts: Vec<AccountId>,
        /// The last `cursor` received, the `next_cursor` of a page of events, or `now`. Defaults to
        /// the oldest event kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// Requests `pong`, or events that are still pending. A connection without messages for 10
    /// minutes is closed.
    Ping,
}

/// Message to a subscriber. More types may be added.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PushMessage {
    /// The subscription is active.
    Subscribed,
    /// Events, oldest first.
    Events {
        /// Events, at most 100.
        events: Vec<EventBody>,
        /// Cursor after these events, for another connection or `GET /v1/events`.
        cursor: String,
    },
    /// More events are pending; send `ping` to receive them.
    More,
    /// Response to `ping` if no events are pending.
    Pong,
    /// A request failed; the connection may be closed afterwards.
    Error {
        /// Problem document, as over HTTP.
        problem: ProblemBody,
    },
}
