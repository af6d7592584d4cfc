//! A WebSocket channel over which the server pushes events.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::api::{ProblemBody, PushRequest, TicketBody};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use crate::client::{Call, Client};

/// Timeout for opening the socket.
const OPENING: Duration = Duration::from_secs(10);
/// Timeout for a response. The server itself waits up to 20 seconds for an earlier delivery to
/// end.
const PATIENCE: Duration = Duration::from_secs(25);
/// Idle time after which the client sends a ping.
const QUIET: Duration = Duration::from_secs(45);
/// Largest message accepted from the server.
const MOST_BYTES: usize = 256 * 1024;

/// An open channel with a subscription.
#[derive(Debug)]
pub struct Channel {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Deadline for the next message from the server.
    due: Instant,
    /// Whether a request awaits a response. If not, a missed deadline sends a ping.
    asked: bool,
}

#[derive(Debug)]
pub enum NoChannel {
    /// The server has no push API, or the accounts are not valid ids.
    Never,
    /// Temporary failure.
    Now,
}

/// A message from the server.
#[derive(Debug, Deserialize)]
struct Sent {
    r#type: String,
    #[serde(default)]
    events: Vec<Box<RawValue>>,
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    problem: Option<ProblemBody>,
}

/// A batch of events and the cursor after it.
pub type Portion = (Vec<Box<RawValue>>, String);

impl Channel {
    /// Opens a channel and subscribes to these accounts' events after a cursor.
    pub async fn open(
        client: &Client,
        accounts: &[String],
        after: Option<&str>,
    ) -> Result<Self, NoChannel> {
        let ticket: TicketBody = match client
            .send(&Call::post(&["v1", "push", "tickets"]))
            .await
            .and_then(|answer| answer.json())
        {
            Ok(ticket) => ticket,
            // Older servers have no ticket endpoint.
            Err(failure) if matches!(failure.status(), Some(404 | 405)) => {
                return Err(NoChannel::Never);
            }
            Err(_) => return Err(NoChannel::Now),
        };
        let address = format!("{}?ticket={}", ticket.url, ticket.ticket);
        let limits = WebSocketConfig::default().max_message_size(Some(MOST_BYTES));
        let opening = connect_async_with_config(address, Some(limits), true);
        let Ok(Ok((socket, _))) = timeout(OPENING, opening).await else {
            return Err(NoChannel::Now);
        };
        let mut channel = Self { socket, due: Instant::now() + PATIENCE, asked: true };
        let accounts = accounts.iter().map(|account| account.parse()).collect::<Result<_, _>>();
        let accounts = accounts.map_err(|_| NoChannel::Never)?;
        let wanted = PushRequest::Subscribe { accounts, after: after.map(str::to_owned) };
        channel.say(&wanted).await.ok_or(NoChannel::Now)?;
        match channel.hear().await {
            Some(sent) if sent.r#type == "subscribed" => Ok(channel),
            _ => Err(NoChannel::Now),
        }
    }

    /// Waits for events; `None` if the channel is closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<Portion> {
        loop {
            let Sent { r#type, events, cursor, problem } = self.hear().await?;
            match (r#type.as_str(), cursor, problem) {
                ("events", Some(cursor), _) => return Some((events, cursor)),
                ("error", _, _) | (_, _, Some(_)) => return None,
                // The server has more events than it pushes unasked; a ping requests the rest.
                ("more", _, _) => self.say(&PushRequest::Ping).await?,
                _ => {}
            }
        }
    }

    /// Receives the next message. Sends a ping after `QUIET` without one.
    async fn hear(&mut self) -> Option<Sent> {
        loop {
            match timeout_at(self.due, self.socket.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    (self.due, self.asked) = (Instant::now() + QUIET, false);
                    return serde_json::from_str(&text).ok();
                }
                // tungstenite answers protocol-level pings.
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => {}
                Ok(_) => return None,
                Err(_) if self.asked => return None,
                Err(_) => self.say(&PushRequest::Ping).await?,
            }
        }
    }

    async fn say(&mut self, request: &impl Serialize) -> Option<()> {
        let text = serde_json::to_string(request).ok()?;
        (self.due, self.asked) = (Instant::now() + PATIENCE, true);
        timeout(PATIENCE, self.socket.send(Message::text(text))).await.ok()?.ok()
    }
}
