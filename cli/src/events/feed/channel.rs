//! A channel over which the server pushes events.

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

/// How long opening may take.
const OPENING: Duration = Duration::from_secs(10);
/// How long the server may say nothing when it was asked to: it waits for 20 seconds itself where another has to end first.
const PATIENCE: Duration = Duration::from_secs(25);
/// How long nothing is said before the server is asked whether it is there.
const QUIET: Duration = Duration::from_secs(45);
/// The longest message that the server may send.
const MOST_BYTES: usize = 256 * 1024;

/// An open channel, with a subscription.
#[derive(Debug)]
pub struct Channel {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// When the server has to have said something.
    due: Instant,
    /// Whether it was asked to.
    asked: bool,
}

/// Why there is no channel.
#[derive(Debug)]
pub enum NoChannel {
    /// This server has none.
    Never,
    /// Not just now.
    Now,
}

/// What the server sends.
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

/// Some events, and where to go on after them.
pub type Portion = (Vec<Box<RawValue>>, String);

impl Channel {
    /// Opens a channel that brings the events of these accounts behind a cursor.
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
            // An earlier server has no tickets.
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

    /// Waits for events; `None` when the channel is dead. May be dropped while it waits, and loses nothing by that.
    pub async fn next(&mut self) -> Option<Portion> {
        loop {
            let Sent { r#type, events, cursor, problem } = self.hear().await?;
            match (r#type.as_str(), cursor, problem) {
                ("events", Some(cursor), _) => return Some((events, cursor)),
                ("error", _, _) | (_, _, Some(_)) => return None,
                // There is more than the server sends by itself.
                ("more", _, _) => self.say(&PushRequest::Ping).await?,
                _ => {}
            }
        }
    }

    /// The next message. Asks for one when there was none for a while.
    async fn hear(&mut self) -> Option<Sent> {
        loop {
            match timeout_at(self.due, self.socket.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => {
                    (self.due, self.asked) = (Instant::now() + QUIET, false);
                    return serde_json::from_str(&text).ok();
                }
                // Pings of the protocol are answered by the library.
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
