//! WebSocket push: opens, subscribes and closes connections, and sends them events as these are
//! written.
//!
//! The table's stream carries the keys of new events. An invocation acquires the send lease of each
//! connection that is subscribed to the account of a new event. It reads from where the last lease
//! ended, with the reads of `GET /v1/events`, so the order is the same. The stream says only when
//! to read. An event that the stream reports twice is sent once. An event whose report is lost is
//! sent with the next one, or when the subscriber sends `ping`.

mod connect;
mod deliver;
mod subscribe;
mod trigger;

use std::time::Duration;

use api::{Problem, PushMessage};
use model::{push::ConnectionId, time::Time};
use runtime::{clock::Clock, config::PushConfig, telemetry::Metrics};
use serde::Serialize;
use store::{
    AccountStore, Clients, ConnectionStore, Error, EventStore, Posted, Sockets, Table, Throughput,
};

pub use trigger::{SocketEvent, Trigger};

#[derive(Debug)]
pub struct Pusher {
    accounts: AccountStore,
    events: EventStore,
    connections: ConnectionStore,
    sockets: Sockets,
    clock: Clock,
}

#[derive(Clone, Copy, Debug)]
struct Invocation<'a> {
    /// The Lambda request ID, for logs.
    request: &'a str,
    /// When to start no further work.
    deadline: Time,
}

impl Invocation<'_> {
    /// Moves the deadline to `patience` after `now`, if that is earlier.
    fn within(self, patience: Duration, now: Time) -> Self {
        Self { deadline: self.deadline.min(now + patience), ..self }
    }
}

/// Part of the invocation's time reserved for finishing work.
const RESERVED_TIME: Duration = Duration::from_secs(6);

/// The response to API Gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// HTTP status; API Gateway opens a connection only on 200.
    pub status_code: u16,
}

impl Reply {
    const OK: Self = Self { status_code: 200 };
    const UNAUTHORIZED: Self = Self { status_code: 401 };
}

impl Pusher {
    #[must_use]
    pub fn new(clients: Clients, config: PushConfig, clock: Clock) -> Self {
        let table = Table::new(clients.dynamodb(), config.table);
        let rates = Throughput::new(table.clone(), clock.clone());
        Self {
            accounts: AccountStore::new(table.clone()),
            events: EventStore::new(table.clone(), rates, Metrics::new(drop), clock.clone()),
            connections: ConnectionStore::new(table),
            sockets: clients.sockets(&config.address.connections),
            clock,
        }
    }

    /// Handles a trigger before `deadline`. `request` is the Lambda request ID.
    ///
    /// # Errors
    /// When AWS can't be reached or refuses the request. The error is logged here.
    pub async fn handle(
        &self,
        occasion: Trigger,
        request: &str,
        deadline: Time,
    ) -> Result<Reply, Error> {
        let invocation = Invocation { request, deadline: deadline - RESERVED_TIME };
        let done = match occasion {
            Trigger::NewEvents { accounts } => {
                self.fan_out(accounts, invocation).await.map(|()| Reply::OK)
            }
            Trigger::Socket { connection, what: SocketEvent::Connect { ticket } } => {
                self.connect(&connection, ticket.as_deref()).await
            }
            Trigger::Socket { connection, what: SocketEvent::Message(text) } => {
                self.on_message(&connection, &text, invocation).await.map(|()| Reply::OK)
            }
            Trigger::Socket { connection, what: SocketEvent::Disconnect } => {
                self.connections.close(&connection).await.map(|()| Reply::OK)
            }
        };
        if let Err(error) = &done {
            tracing::error!(request.id = request, cause = %error, "push failed");
        }
        done
    }

    /// Sends a message. Deletes the connection's item if the connection is closed.
    async fn post(
        &self,
        connection: &ConnectionId,
        message: &PushMessage,
    ) -> Result<Posted, Error> {
        let text = serde_json::to_string(message)
            .map_err(|error| Error::Corrupt("this version", error.to_string()))?;
        match self.sockets.post(connection, text).await {
            Ok(Posted::Sent) => Ok(Posted::Sent),
            Ok(Posted::Gone) => {
                self.connections.close(connection).await?;
                Ok(Posted::Gone)
            }
            // Sending it again would fail again. The client reconnects and continues at its cursor.
            Err(Error::Refused(cause)) => {
                tracing::error!(
                    %connection, cause,
                    "message refused, connection closed"
                );
                self.close(connection).await?;
                Ok(Posted::Gone)
            }
            Err(error) => Err(error),
        }
    }

    async fn close(&self, connection: &ConnectionId) -> Result<(), Error> {
        self.connections.close(connection).await?;
        self.sockets.close(connection).await
    }

    /// Reports an invalid key or token to the subscriber and closes the connection.
    async fn disconnect(
        &self,
        connection: &ConnectionId,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        self.send_error(connection, &Problem::Unauthenticated, invocation).await?;
        self.close(connection).await
    }

    async fn send_error(
        &self,
        connection: &ConnectionId,
        problem: &Problem,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        let problem = problem.body(invocation.request);
        self.post(connection, &PushMessage::Error { problem }).await.map(drop)
    }
}
