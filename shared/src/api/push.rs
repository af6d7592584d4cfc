use serde::{Deserialize, Serialize};

use super::{EventBody, ProblemBody};
use crate::{id::AccountId, time::Time};

/// What opens a connection over which events are pushed.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TicketBody {
    /// Where to connect, as a WebSocket (RFC 6455), with `?ticket=` and the ticket.
    #[schema(examples("wss://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live"))]
    pub url: String,
    /// The ticket. It opens one connection.
    #[schema(examples("dHJhdmVsbGVyLCB0aGVyZSBpcyBubyB0aWNrZXQgaA"))]
    pub ticket: String,
    /// Until when it does, 60 seconds after it was made.
    pub expires_at: Time,
}

/// What a subscriber sends over its connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "action", rename_all = "snake_case", deny_unknown_fields)]
pub enum PushRequest {
    /// Send events, those behind the cursor first. Once on a connection; for other accounts, connect anew.
    Subscribe {
        /// Whose events, up to 50 accounts; those of the key's own if nothing is said. Others are for `admin` alone.
        #[serde(default)]
        #[schema(value_type = Vec<String>)]
        accounts: Vec<AccountId>,
        /// The `cursor` that came last, or the `next_cursor` of a page of events; or `now`. From the oldest event that is kept if nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// Say something: `pong`, or what there still was to send. A connection on which nothing is said for 10 minutes ends.
    Ping,
}

/// What a subscriber is sent over its connection. There may be more of them one day.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PushMessage {
    /// The subscription stands; events follow as they come.
    Subscribed,
    /// Events, oldest first.
    Events {
        /// The events: as many as there are, at most 100.
        events: Vec<EventBody>,
        /// Where to go on after these, on another connection or by `GET /v1/events`.
        cursor: String,
    },
    /// There is more than was sent in one go: send a `ping` for it.
    More,
    /// The answer to `ping`, if there isn't `more`.
    Pong,
    /// What is wrong; the connection may end after it.
    Error {
        /// As over HTTP.
        problem: ProblemBody,
    },
}
