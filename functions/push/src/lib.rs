//! WebSocket push: opens, subscribes and closes connections, and sends them events as these are
//! written.
//!
//! The table's stream carries the keys of new events. An invocation acquires the send lease of each
//! connection that is subscribed to the account of a new event. It reads from where the last lease
//! ended, with the reads of `GET /v1/events`, so the order is the same. The stream says only when
//! to read. An event that the stream reports twice is sent once. An event whose report is lost is
//! sent with the next one, or when the subscriber sends `ping`.

mod connect;
mod context;
mod deliver;
mod drain;
mod fan_out;
mod message;
mod reply;
mod socket;
mod subscribe;
mod trigger;

use std::time::Duration;

use model::time::Time;
use runtime::{clock::Clock, config::PushConfig, telemetry::Metrics};
use store::{AccountStore, Clients, ConnectionStore, Error, EventStore, Table, Throughput};

use context::{Context, Invocation};

pub use reply::Reply;
pub use trigger::{SocketEvent, Trigger};

/// Part of the invocation's time reserved for finishing work.
const RESERVED_TIME: Duration = Duration::from_secs(6);

#[derive(Debug)]
pub struct Pusher {
    context: Context,
}

impl Pusher {
    #[must_use]
    pub fn new(clients: Clients, config: PushConfig, clock: Clock) -> Self {
        let table = Table::new(clients.dynamodb(), config.table);
        let throughput = Throughput::new(table.clone(), clock.clone());
        let metrics = Metrics::new(drop);
        let context = Context {
            accounts: AccountStore::new(table.clone()),
            events: EventStore::new(table.clone(), throughput, metrics, clock.clone()),
            connections: ConnectionStore::new(table),
            sockets: clients.sockets(&config.address.connections),
            clock,
        };
        Self { context }
    }

    /// Handles a trigger before `deadline`. `request_id` is the Lambda request ID.
    ///
    /// # Errors
    /// When AWS can't be reached or refuses the request. The error is logged here.
    pub async fn handle(
        &self,
        trigger: Trigger,
        request_id: &str,
        deadline: Time,
    ) -> Result<Reply, Error> {
        let invocation = Invocation { request_id, deadline: deadline - RESERVED_TIME };
        self.dispatch(trigger, invocation).await.inspect_err(|error| {
            tracing::error!(request.id = request_id, cause = %error, "push failed");
        })
    }

    async fn dispatch(&self, trigger: Trigger, invocation: Invocation<'_>) -> Result<Reply, Error> {
        let context = &self.context;
        match trigger {
            Trigger::NewEvents { accounts } => {
                fan_out::fan_out(context, accounts, invocation).await.map(|()| Reply::OK)
            }
            Trigger::Socket { connection, event } => match event {
                SocketEvent::Connect { ticket } => {
                    connect::connect(context, &connection, ticket.as_deref()).await
                }
                SocketEvent::Message(text) => {
                    message::on_message(context, &connection, &text, invocation)
                        .await
                        .map(|()| Reply::OK)
                }
                SocketEvent::Disconnect => {
                    context.connections.close(&connection).await.map(|()| Reply::OK)
                }
            },
        }
    }
}
