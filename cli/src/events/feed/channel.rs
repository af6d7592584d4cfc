//! A WebSocket channel over which the server pushes events.

use std::time::Duration;

use api::{ProblemBody, PushRequest, TicketBody};
use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use crate::client::{Client, Request};

/// Timeout for opening the socket.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout for a response. The server itself waits up to 20 seconds for an earlier delivery to
/// end.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(25);
/// Idle time after which the client sends a ping.
const PING_AFTER: Duration = Duration::from_secs(45);
/// Largest message accepted from the server.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// An open channel with a subscription.
#[derive(Debug)]
pub struct Channel {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Deadline for the next message from the server.
    deadline: Instant,
    /// Whether a request awaits a response. If not, a missed deadline sends a ping.
    awaits_response: bool,
}

#[derive(Debug)]
pub enum ChannelError {
    /// The server has no push API, or the accounts are not valid ids.
    Unsupported,
    /// Temporary failure.
    Unavailable,
}

/// A message from the server.
#[derive(Debug, Deserialize)]
struct PushMessage {
    r#type: String,
    #[serde(default)]
    events: Vec<Box<RawValue>>,
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    problem: Option<ProblemBody>,
}

/// A batch of events and the cursor after it.
pub type Batch = (Vec<Box<RawValue>>, String);

impl Channel {
    /// Opens a channel and subscribes to these accounts' events after a cursor.
    pub async fn open(
        client: &Client,
        accounts: &[String],
        after: Option<&str>,
    ) -> Result<Self, ChannelError> {
        let ticket: TicketBody = match client
            .send(&Request::post(&["v1", "push", "tickets"]))
            .await
            .and_then(|answer| answer.json())
        {
            Ok(ticket) => ticket,
            // Older servers have no ticket endpoint.
            Err(failure) if matches!(failure.status(), Some(404 | 405)) => {
                return Err(ChannelError::Unsupported);
            }
            Err(_) => return Err(ChannelError::Unavailable),
        };
        let address = format!("{}?ticket={}", ticket.url, ticket.ticket);
        let limits = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE_BYTES));
        let opening = connect_async_with_config(address, Some(limits), true);
        let Ok(Ok((socket, _))) = timeout(OPEN_TIMEOUT, opening).await else {
            return Err(ChannelError::Unavailable);
        };
        let mut channel =
            Self { socket, deadline: Instant::now() + RESPONSE_TIMEOUT, awaits_response: true };
        let accounts = accounts.iter().map(|account| account.parse()).collect::<Result<_, _>>();
        let accounts = accounts.map_err(|_| ChannelError::Unsupported)?;
        let wanted = PushRequest::Subscribe { accounts, after: after.map(str::to_owned) };
        channel.send(&wanted).await.ok_or(ChannelError::Unavailable)?;
        match channel.receive().await {
            Some(sent) if sent.r#type == "subscribed" => Ok(channel),
            _ => Err(ChannelError::Unavailable),
        }
    }

    /// Waits for events; `None` if the channel is closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<Batch> {
        loop {
            let PushMessage { r#type, events, cursor, problem } = self.receive().await?;
            match (r#type.as_str(), cursor, problem) {
                ("events", Some(cursor), _) => return Some((events, cursor)),
                ("error", _, _) | (_, _, Some(_)) => return None,
                // The server has more events than it pushes unasked; a ping requests the rest.
                ("more", _, _) => self.send(&PushRequest::Ping).await?,
                _ => {}
            }
        }
    }

    /// Receives the next message. Sends a ping after `PING_AFTER` without one.
    async fn receive(&mut self) -> Option<PushMessage> {
        loop {
            match timeout_at(self.deadline, self.socket.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    (self.deadline, self.awaits_response) = (Instant::now() + PING_AFTER, false);
                    return serde_json::from_str(&text).ok();
                }
                // tungstenite answers protocol-level pings.
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                Ok(_) => return None,
                Err(_) if self.awaits_response => return None,
                Err(_) => self.send(&PushRequest::Ping).await?,
            }
        }
    }

    async fn send(&mut self, request: &impl Serialize) -> Option<()> {
        let text = serde_json::to_string(request).ok()?;
        (self.deadline, self.awaits_response) = (Instant::now() + RESPONSE_TIMEOUT, true);
        timeout(RESPONSE_TIMEOUT, self.socket.send(Message::text(text))).await.ok()?.ok()
    }
}
