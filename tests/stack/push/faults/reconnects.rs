//! A subscriber that is disconnected repeatedly while writers publish.

use std::time::Duration;

use futures::future::join_all;
use http::Method;
use model::id::AccountId;
use serde_json::{Value, json};
use sim::{Client, Plan, Seed, Stack, Subscriber};

use super::distinct_numbers;
use crate::events::publish;
use crate::push::SECOND;

/// Publishes a number, and repeats the request with the same idempotency key while the response is
/// 503.
async fn publish_until_accepted(client: &Client, account: AccountId, number: u64) {
    let client = client.with("idempotency-key", &number.to_string());
    loop {
        let answer = publish(&client, account, json!(number)).await;
        if answer.status == 202 {
            return;
        }
        assert_eq!(answer.status, 503, "{answer:?}");
        tokio::time::sleep(SECOND).await;
    }
}

/// Number of writers, and of the events that each publishes.
const WRITERS: u64 = 3;
const EVENTS_EACH: u64 = 150;

/// Publishes a writer's numbers, with random pauses.
async fn write(client: Client, account: AccountId, seed: Seed, writer: u64) {
    for n in 0..EVENTS_EACH {
        publish_until_accepted(&client, account, writer * 1000 + n).await;
        let pause = seed.draw("pause", writer * 1000 + n) % 300;
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// Delivers the stream's records forever, as one shard does.
async fn deliver_stream_forever(stack: &Stack) {
    loop {
        let _ = stack.deliver_stream().await;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// A subscriber that is disconnected repeatedly, and what it received over all its connections.
#[derive(Default)]
struct Reconnecting {
    events: Vec<Value>,
    cursor: Option<String>,
    connections: u64,
}

impl Reconnecting {
    /// Connects again until it has received so many different events.
    async fn receive(&mut self, stack: &Stack, seed: Seed, count: usize) {
        while distinct_numbers(&self.events).len() < count {
            self.connections += 1;
            assert!(
                self.connections < 200,
                "{} of {count} after 200 connections",
                distinct_numbers(&self.events).len()
            );
            let answer = stack.tenant().send(Method::POST, "/v1/push/tickets", None).await;
            if let Ok(subscriber) = stack.open(answer.body["ticket"].as_str()).await {
                self.read_until_disconnected(subscriber, seed).await;
            }
        }
    }

    async fn read_until_disconnected(&mut self, mut subscriber: Subscriber<'_>, seed: Seed) {
        let lasts = Duration::from_millis(seed.draw("lasts", self.connections) % 1500);
        let plug = subscriber.disconnector();
        tokio::join!(subscribe_and_ping(&mut subscriber, self.cursor.as_deref()), async {
            tokio::time::sleep(lasts).await;
            plug.disconnect();
        });
        if let Some(last) = subscriber.cursor.take() {
            self.cursor = Some(last);
        }
        self.events.append(&mut subscriber.events);
        if seed.draw("leaves", self.connections).is_multiple_of(2) {
            subscriber.close().await;
        }
    }
}

/// Subscribes after a cursor, and sends pings while the connection is open.
async fn subscribe_and_ping(subscriber: &mut Subscriber<'_>, cursor: Option<&str>) {
    let mut said = subscriber.send(json!({"action": "subscribe", "after": cursor})).await;
    assert!(said.first().is_none_or(|first| first["type"] == "subscribed"), "{said:?}");
    while subscriber.is_open() {
        if said.last().is_none_or(|last| last["type"] != "more") {
            tokio::time::sleep(SECOND).await;
        }
        said = subscriber.send(json!({"action": "ping"})).await;
    }
}

/// Writers with clock skew, two concurrent stream shards, failing calls, and a subscriber that is
/// disconnected repeatedly. Each writer's events arrive in order and without gaps.
#[tokio::test(start_paused = true)]
async fn no_event_is_lost_or_reordered() {
    // The first run is without faults: no event may be sent twice.
    for (seed, percent) in [(Seed(0), 0), (Seed(1), 8), (Seed(2), 8)] {
        let stack = Stack::new().await;
        let account = stack.tenant_account();
        // After a failed write, a publisher cannot know whether the event is still going to be
        // stored.
        stack.aws.inject(Plan::seeded(seed, percent).except("PutItem"));
        let writers = (0..WRITERS).map(|writer| {
            let client = stack.tenant_with_clock_skew([-900, 0, 900][writer as usize]);
            write(client, account, seed, writer)
        });
        let mut subscriber = Reconnecting::default();
        let all = async {
            let count = (WRITERS * EVENTS_EACH) as usize;
            tokio::join!(join_all(writers), subscriber.receive(&stack, seed, count));
        };
        tokio::select! {
            () = all => {}
            () = deliver_stream_forever(&stack) => {}
            () = deliver_stream_forever(&stack) => {}
        }
        let Reconnecting { events, connections, .. } = subscriber;
        let (faults, told) = (stack.aws.heal(), distinct_numbers(&events));
        assert!((percent == 0 || faults > 20) && connections > 2, "{connections}");
        assert!(
            percent > 0 || events.len() == told.len(),
            "{} duplicate events",
            events.len() - told.len()
        );
        for writer in 0..WRITERS {
            let of_writer: Vec<_> =
                told.iter().filter(|n| **n / 1000 == writer).map(|n| n % 1000).collect();
            assert_eq!(of_writer, (0..EVENTS_EACH).collect::<Vec<_>>(), "{seed}, writer {writer}");
        }
    }
}
