//! Push: connections open, subscribe and close, and are sent events as those are written.
//!
//! News come from the table's stream, which shows the keys of new events. Whoever has news of an account takes, for each connection that
//! subscribes to it, the turn to send there, and reads on from where the turn before ended: by the same reads, and so in the same order, as
//! `GET /v1/events`. The stream says when to read, never what. An event that is news twice is sent once, and one whose news is lost is sent
//! with the next, at the latest when the subscriber says `ping`.

mod connect;
mod deliver;
mod occasion;
mod subscribe;

use std::time::Duration;

use serde::Serialize;
use shared::{
    api::{Problem, PushMessage},
    aws::{
        AccountStore, Clients, ConnectionStore, Error, EventStore, Posted, Rates, Sockets, Table,
    },
    clock::Clock,
    config::PushConfig,
    push::ConnectionId,
    telemetry::Metrics,
    time::Time,
};

pub use occasion::{Called, Occasion};

/// What an invocation needs.
#[derive(Debug)]
pub struct Pusher {
    accounts: AccountStore,
    events: EventStore,
    connections: ConnectionStore,
    sockets: Sockets,
    clock: Clock,
}

/// What is known of an invocation.
#[derive(Clone, Copy, Debug)]
struct Invocation<'a> {
    /// Under which operators find it.
    request: &'a str,
    /// When no more is to be begun.
    deadline: Time,
}

impl Invocation<'_> {
    /// The same, with less time.
    fn within(self, patience: Duration, now: Time) -> Self {
        Self { deadline: self.deadline.min(now + patience), ..self }
    }
}

/// What is kept of an invocation's time for ending what was begun.
const TO_END: Duration = Duration::from_secs(6);

/// What the gateway is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// An HTTP status; a connection opens with 200 alone.
    pub status_code: u16,
}

impl Reply {
    const OK: Self = Self { status_code: 200 };
    const UNAUTHORIZED: Self = Self { status_code: 401 };
}

impl Pusher {
    /// Over these clients.
    #[must_use]
    pub fn new(clients: &Clients, config: PushConfig, clock: Clock) -> Self {
        let table = Table::new(clients.dynamodb.clone(), config.table);
        let rates = Rates::new(table.clone(), clock.clone());
        Self {
            accounts: AccountStore::new(table.clone()),
            events: EventStore::new(table.clone(), rates, Metrics::new(drop), clock.clone()),
            connections: ConnectionStore::new(table),
            sockets: clients.sockets(&config.address.connections),
            clock,
        }
    }

    /// Does what an occasion asks for, before `deadline`; `request` is under which operators find it.
    ///
    /// # Errors
    /// When AWS can't be reached or refuses; it is in the log already.
    pub async fn handle(
        &self,
        occasion: Occasion,
        request: &str,
        deadline: Time,
    ) -> Result<Reply, Error> {
        let invocation = Invocation { request, deadline: deadline - TO_END };
        let done = match occasion {
            Occasion::News { accounts } => {
                self.fan_out(accounts, invocation).await.map(|()| Reply::OK)
            }
            Occasion::Call { connection, what: Called::Connect { ticket } } => {
                self.connect(&connection, ticket.as_deref()).await
            }
            Occasion::Call { connection, what: Called::Say(text) } => {
                self.hear(&connection, &text, invocation).await.map(|()| Reply::OK)
            }
            Occasion::Call { connection, what: Called::Disconnect } => {
                self.connections.close(&connection).await.map(|()| Reply::OK)
            }
        };
        if let Err(error) = &done {
            tracing::error!(request.id = request, cause = %error, "events could not be pushed");
        }
        done
    }

    /// Sends a message. A connection that turns out to be closed is forgotten.
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
            // It would be refused again and again. The client goes on from its cursor elsewhere.
            Err(Error::Refused(cause)) => {
                tracing::error!(%connection, cause, "a message was refused, and its connection is closed");
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

    /// Tells a subscriber that its key or token isn't good any more, and closes its connection.
    async fn turn_away(
        &self,
        connection: &ConnectionId,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        self.complain(connection, &Problem::Unauthenticated, invocation).await?;
        self.close(connection).await
    }

    /// Tells what is wrong.
    async fn complain(
        &self,
        connection: &ConnectionId,
        problem: &Problem,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        let problem = problem.body(invocation.request);
        self.post(connection, &PushMessage::Error { problem }).await.map(drop)
    }
}
