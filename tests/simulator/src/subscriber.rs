//! A WebSocket subscriber, and API Gateway between it and the `push` function.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http::Method;
use model::time::Time;
use push::{Pusher, Reply};
use serde_json::{Value, json};
use store::Error;

use crate::{Aws, Stack, client::Client};

/// Stream records per invocation, as in the template.
const BATCH: usize = 100;

#[derive(Debug)]
pub struct Subscriber<'a> {
    stack: &'a Stack,
    pusher: Pusher,
    id: String,
    /// Every event received so far.
    pub events: Vec<Value>,
    /// The latest cursor received.
    pub cursor: Option<String>,
}

/// Cuts a subscriber's connection from outside, independent of a borrow of it.
#[derive(Debug)]
pub struct Disconnector<'a> {
    stack: &'a Stack,
    id: String,
}

impl Disconnector<'_> {
    /// Closes the connection without a disconnect event.
    pub fn disconnect(&self) {
        self.stack.aws.door().sockets.close(&self.id);
    }
}

/// The HTTP status with which a connection was refused.
#[derive(Debug, PartialEq, Eq)]
pub struct ConnectionRefused(pub u16);

impl Stack {
    /// The function `push` in a new process.
    pub fn pusher(&self) -> Pusher {
        let config = runtime::config::PushConfig {
            table: crate::TABLE.into(),
            address: Self::push_address(),
        };
        Pusher::new(self.clients("push"), config, self.clock())
    }

    /// Creates a ticket.
    pub async fn ticket(&self, client: &Client) -> String {
        let answer = client.send(Method::POST, "/v1/push/tickets", None).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["ticket"].as_str().unwrap().to_owned()
    }

    /// Opens a connection, optionally with a ticket.
    pub async fn open(&self, ticket: Option<&str>) -> Result<Subscriber<'_>, ConnectionRefused> {
        static OPENED: AtomicU64 = AtomicU64::new(1);
        let id = format!("connection-{}=", OPENED.fetch_add(1, Ordering::Relaxed));
        let subscriber =
            Subscriber { stack: self, pusher: self.pusher(), id, events: Vec::new(), cursor: None };
        let parameters = ticket.map(|ticket| json!({"ticket": ticket}));
        let reply = subscriber.call("CONNECT", json!({"queryStringParameters": parameters})).await;
        // If the function fails, API Gateway responds with 502.
        match reply.map_or(502, |reply| reply.status_code) {
            200 => {
                self.aws.door().sockets.open(&subscriber.id);
                Ok(subscriber)
            }
            status => Err(ConnectionRefused(status)),
        }
    }

    /// Opens a connection for a client and subscribes.
    pub async fn subscribe(
        &self,
        client: &Client,
        accounts: &[&str],
        after: Option<&str>,
    ) -> Subscriber<'_> {
        let ticket = self.ticket(client).await;
        let mut subscriber = self.open(Some(&ticket)).await.unwrap();
        let said = subscriber
            .send(json!({"action": "subscribe", "accounts": accounts, "after": after}))
            .await;
        assert_eq!(said.first(), Some(&json!({"type": "subscribed"})), "{said:?}");
        subscriber
    }

    /// Delivers the table's stream to the function in batches until it is empty, and returns the
    /// number of batches.
    ///
    /// # Errors
    /// The function's last error. Failed batches are not delivered again.
    pub async fn deliver_stream(&self) -> Result<usize, Error> {
        let (pusher, mut batches, mut done) = (self.pusher(), 0, Ok(()));
        while let Some(batch) = self.aws.next_stream_batch(BATCH) {
            batches += 1;
            let occasion = serde_json::from_value(batch).unwrap();
            let outcome =
                pusher.handle(occasion, "spread", self.now() + Duration::from_secs(28)).await;
            done = outcome.map(drop).and(done);
        }
        done.map(|()| batches)
    }
}

impl Aws {
    fn next_stream_batch(&self, most: usize) -> Option<Value> {
        self.door().stream.take(most)
    }
}

impl<'a> Subscriber<'a> {
    /// Sends a message, and returns the messages received by the time it is handled.
    pub async fn send(&mut self, message: Value) -> Vec<Value> {
        self.send_text(&message.to_string()).await
    }

    /// Like [`Subscriber::send`], with arbitrary text.
    pub async fn send_text(&mut self, text: &str) -> Vec<Value> {
        let _ = self.call("MESSAGE", json!({"body": text})).await;
        self.receive()
    }

    /// Messages received since the last call. Events and their cursor are also kept.
    pub fn receive(&mut self) -> Vec<Value> {
        let messages = self.stack.aws.door().sockets.take(&self.id);
        for message in messages.iter().filter(|message| message["type"] == "events") {
            self.events.extend(message["events"].as_array().unwrap().iter().cloned());
            self.cursor = Some(message["cursor"].as_str().unwrap().to_owned());
        }
        messages
    }

    /// The `data` of every event received so far.
    pub fn event_data(&mut self) -> Vec<Value> {
        self.receive();
        self.events.iter().map(|event| event["data"].clone()).collect()
    }

    pub fn is_open(&self) -> bool {
        self.stack.aws.door().sockets.is_open(&self.id)
    }

    /// Disconnects; the function gets a disconnect event.
    pub async fn close(self) {
        self.drop_connection();
        let _ = self.call("DISCONNECT", json!({})).await;
    }

    /// Closes the connection without a disconnect event.
    pub fn drop_connection(&self) {
        self.disconnector().disconnect();
    }

    /// A handle that can close the connection at any time.
    pub fn disconnector(&self) -> Disconnector<'a> {
        Disconnector { stack: self.stack, id: self.id.clone() }
    }

    async fn call(&self, kind: &str, more: Value) -> Result<Reply, Error> {
        let mut event = json!({"requestContext": {"eventType": kind, "connectionId": self.id}});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let occasion = serde_json::from_value(event).unwrap();
        self.pusher.handle(occasion, "say", self.deadline()).await
    }

    fn deadline(&self) -> Time {
        self.stack.now() + Duration::from_secs(28)
    }
}
