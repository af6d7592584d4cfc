//! A subscriber at the other end of a connection, and the gateway between it and the function `push`.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http::Method;
use push::{Pusher, Reply};
use serde_json::{Value, json};
use shared::{aws::Error, time::Time};

use crate::{Aws, Stack, client::Client};

/// How many records the function is handed at once, as the template has it.
const BATCH: usize = 100;

/// An open connection.
#[derive(Debug)]
pub struct Subscriber<'a> {
    stack: &'a Stack,
    pusher: Pusher,
    id: String,
    /// Every event it was sent.
    pub events: Vec<Value>,
    /// The last cursor it was sent.
    pub cursor: Option<String>,
}

/// A subscriber's plug.
#[derive(Debug)]
pub struct Plug<'a> {
    stack: &'a Stack,
    id: String,
}

impl Plug<'_> {
    /// Cuts the subscriber off.
    pub fn pull(&self) {
        self.stack.aws.door().sockets.close(&self.id);
    }
}

/// Why a connection was not opened: an HTTP status.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused(pub u16);

impl Stack {
    /// A process of the function `push`.
    pub fn pusher(&self) -> Pusher {
        let config = shared::config::PushConfig {
            table: crate::TABLE.into(),
            address: Self::push_address(),
        };
        Pusher::new(&self.clients("push"), config, self.clock())
    }

    /// A ticket for a client.
    pub async fn ticket(&self, client: &Client) -> String {
        let answer = client.send(Method::POST, "/v1/push/tickets", None).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["ticket"].as_str().unwrap().to_owned()
    }

    /// Opens a connection with a ticket, or none.
    pub async fn open(&self, ticket: Option<&str>) -> Result<Subscriber<'_>, Refused> {
        static OPENED: AtomicU64 = AtomicU64::new(1);
        let id = format!("connection-{}=", OPENED.fetch_add(1, Ordering::Relaxed));
        let subscriber =
            Subscriber { stack: self, pusher: self.pusher(), id, events: Vec::new(), cursor: None };
        let parameters = ticket.map(|ticket| json!({"ticket": ticket}));
        let reply = subscriber.call("CONNECT", json!({"queryStringParameters": parameters})).await;
        // Where the function fails, so does the gateway.
        match reply.map_or(502, |reply| reply.status_code) {
            200 => {
                self.aws.door().sockets.open(&subscriber.id);
                Ok(subscriber)
            }
            status => Err(Refused(status)),
        }
    }

    /// Opens a connection for a client, and subscribes.
    pub async fn subscribe(
        &self,
        client: &Client,
        accounts: &[&str],
        after: Option<&str>,
    ) -> Subscriber<'_> {
        let ticket = self.ticket(client).await;
        let mut subscriber = self.open(Some(&ticket)).await.unwrap();
        let said = subscriber
            .say(json!({"action": "subscribe", "accounts": accounts, "after": after}))
            .await;
        assert_eq!(said.first(), Some(&json!({"type": "subscribed"})), "{said:?}");
        subscriber
    }

    /// Hands the function what is in the table's stream, by batches, until there is nothing more.
    ///
    /// # Errors
    /// The last that the function failed with. A batch that failed is not handed over again.
    pub async fn spread(&self) -> Result<usize, Error> {
        let (pusher, mut batches, mut done) = (self.pusher(), 0, Ok(()));
        while let Some(batch) = self.aws.next_news(BATCH) {
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
    /// The next batch of the table's stream.
    fn next_news(&self, most: usize) -> Option<Value> {
        self.door().stream.take(most)
    }
}

impl<'a> Subscriber<'a> {
    /// Says something, and returns what it is sent by the time that has been dealt with.
    pub async fn say(&mut self, message: Value) -> Vec<Value> {
        self.say_text(&message.to_string()).await
    }

    /// The same, with whatever text.
    pub async fn say_text(&mut self, text: &str) -> Vec<Value> {
        let _ = self.call("MESSAGE", json!({"body": text})).await;
        self.look()
    }

    /// What it was sent since it looked last; events and their cursor are kept.
    pub fn look(&mut self) -> Vec<Value> {
        let messages = self.stack.aws.door().sockets.take(&self.id);
        for message in messages.iter().filter(|message| message["type"] == "events") {
            self.events.extend(message["events"].as_array().unwrap().iter().cloned());
            self.cursor = Some(message["cursor"].as_str().unwrap().to_owned());
        }
        messages
    }

    /// What the events it was sent tell.
    pub fn told(&mut self) -> Vec<Value> {
        self.look();
        self.events.iter().map(|event| event["data"].clone()).collect()
    }

    /// Whether the connection is open.
    pub fn is_open(&self) -> bool {
        self.stack.aws.door().sockets.is_open(&self.id)
    }

    /// Leaves; the function hears of it.
    pub async fn leave(self) {
        self.cut_off();
        let _ = self.call("DISCONNECT", json!({})).await;
    }

    /// Is cut off, without anybody knowing yet.
    pub fn cut_off(&self) {
        self.plug().pull();
    }

    /// What cuts it off, whatever it does just then.
    pub fn plug(&self) -> Plug<'a> {
        Plug { stack: self.stack, id: self.id.clone() }
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
