//! Push with failing calls, killed functions, and many concurrent writers and senders.

use std::{collections::HashSet, time::Duration};

use futures::future::join_all;
use http::Method;
use model::id::AccountId;
use serde_json::{Value, json};
use sim::{Client, Fault, KillSwitch, Plan, Seed, Stack, Subscriber, run_until_killed};

use super::SECOND;
use crate::events::publish;

/// The numbers received, without duplicates by event id.
fn distinct_numbers(events: &[Value]) -> Vec<u64> {
    let mut seen = HashSet::new();
    let new = events.iter().filter(|event| seen.insert(event["id"].clone()));
    new.map(|event| event["data"].as_u64().unwrap()).collect()
}

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

/// Writes that succeed with a lost response are repeated by the SDK. The outcome is the same.
#[tokio::test(start_paused = true)]
async fn lost_responses_change_nothing() {
    let mut lost = 0;
    for operation in ["UpdateItem", "PutItem", "DeleteItem"] {
        for nth in 1..6 {
            let stack = Stack::new().await;
            let (tenant, account) = (stack.tenant(), stack.tenant_account());
            let ticket = stack.ticket(&tenant).await;
            publish(&tenant, account, json!(1)).await;
            stack.aws.inject(Plan::only(operation, nth, Fault::After));
            // A ticket is consumed even if the response to its deletion was lost.
            let Ok(mut subscriber) = stack.open(Some(&ticket)).await else {
                assert_eq!((operation, nth), ("DeleteItem", 1));
                continue;
            };
            let said = subscriber.send(json!({"action": "subscribe"})).await;
            assert_eq!(said.first(), Some(&json!({"type": "subscribed"})), "{operation} {nth}");
            publish(&tenant, account, json!(2)).await;
            stack.deliver_stream().await.unwrap();
            subscriber.receive();
            let told: Vec<_> =
                subscriber.events.iter().map(|event| event["data"].as_u64().unwrap()).collect();
            assert_eq!(told, [1, 2], "{operation} {nth}");
            lost += stack.aws.heal();
        }
    }
    assert!(lost >= 5, "{lost}");
}

/// A client that asks for more is served, even if the send lease of another invocation takes long
/// to release.
#[tokio::test(start_paused = true)]
async fn ping_during_a_slow_send_is_served() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    let mut subscriber = stack.subscribe(&tenant, &[], None).await;
    publish(&tenant, account, json!(1)).await;
    stack.aws.inject(Plan::always("UpdateItem", Fault::Delay(Duration::from_millis(1200))));
    let mut news = std::pin::pin!(stack.deliver_stream());
    // Another invocation holds the lease, and is slow. A second event arrives, of which no other
    // invocation is informed.
    assert!(tokio::time::timeout(2 * SECOND, &mut news).await.is_err());
    publish(&tenant, account, json!(2)).await;
    let (said, sent) = tokio::join!(subscriber.send(json!({"action": "ping"})), news);
    sent.unwrap();
    assert_eq!(said.last(), Some(&json!({"type": "pong"})));
    assert_eq!(distinct_numbers(&subscriber.events), [1, 2], "all events arrive before the pong");
}

/// Messages never exceed the size limit of API Gateway, whatever the events contain.
#[tokio::test(start_paused = true)]
async fn messages_fit_the_gateway_limit() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    let path = format!("/v1/accounts/{account}/events");
    let small = [("\u{1}", "x".repeat(10), 100), ("ü", "x".repeat(1000), 100)];
    for (source, data, times) in small.into_iter().chain([("x", "\u{1}".repeat(10_000), 10)]) {
        for _ in 0..times {
            let body = json!({"data": data, "source": source.repeat(255)});
            assert_eq!(tenant.send(Method::POST, &path, Some(body)).await.status, 202);
        }
    }
    tokio::time::sleep(20 * SECOND).await;
    let mut subscriber = stack.subscribe(&tenant, &[], None).await;
    while subscriber.send(json!({"action": "ping"})).await.iter().any(|said| said["type"] != "pong")
    {
    }
    assert_eq!(subscriber.events.len(), 210);
}

/// Wherever the function dies, the next invocation sends what is missing: at the latest after a
/// minute, when the subscriber sends a ping.
#[tokio::test(start_paused = true)]
async fn killed_function_loses_no_event() {
    let mut deaths = 0;
    for nth in 1.. {
        let stack = Stack::new().await;
        let (tenant, account) = (stack.tenant(), stack.tenant_account());
        let mut subscriber = stack.subscribe(&tenant, &[], None).await;
        publish(&tenant, account, json!(1)).await;
        let switch =
            if nth % 2 == 0 { KillSwitch::before(nth / 2) } else { KillSwitch::after(nth / 2 + 1) };
        if run_until_killed(stack.deliver_stream(), &switch).await.is_some() {
            break;
        }
        deaths += 1;
        publish(&tenant, account, json!(2)).await;
        stack.deliver_stream().await.unwrap();
        tokio::time::sleep(60 * SECOND).await;
        subscriber.send(json!({"action": "ping"})).await;
        subscriber.receive();
        assert_eq!(distinct_numbers(&subscriber.events), [1, 2], "killed at {nth}");
    }
    assert!(deaths >= 8, "{deaths}");
}

/// Events that do not fit in the time of an invocation are sent when the subscriber asks for more.
#[tokio::test(start_paused = true)]
async fn long_backlog_is_sent_in_stages() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    for n in 0..3000 {
        publish(&tenant, account, json!(n)).await;
    }
    tokio::time::sleep(20 * SECOND).await;
    stack.aws.inject(Plan::always("PostToConnection", Fault::Delay(Duration::from_millis(1400))));
    let mut subscriber = stack.open(Some(&stack.ticket(&tenant).await)).await.unwrap();
    let mut said = subscriber.send(json!({"action": "subscribe"})).await;
    let mut stages = 1;
    while said.last().is_some_and(|last| last["type"] == "more") {
        stages += 1;
        assert!(stages < 20);
        said = subscriber.send(json!({"action": "ping"})).await;
    }
    assert!(stages > 2 && said.last().unwrap()["type"] == "pong", "{stages}");
    assert_eq!(distinct_numbers(&subscriber.events), (0..3000).collect::<Vec<_>>());
    assert_eq!(subscriber.events.len(), 3000);
}

/// An invocation that finds the send lease taken records that there are new events. The holder of
/// the lease sends them as well.
#[tokio::test(start_paused = true)]
async fn events_arriving_during_a_send_are_sent() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    let mut subscriber = stack.subscribe(&tenant, &[], None).await;
    publish(&tenant, account, json!(1)).await;
    stack.aws.inject(Plan::always("PostToConnection", Fault::Delay(SECOND)));
    let meanwhile = async {
        // By then, the first invocation has read the events.
        tokio::time::sleep(SECOND / 2).await;
        publish(&tenant, account, json!(2)).await;
        stack.deliver_stream().await
    };
    let (first, second) = tokio::join!(stack.deliver_stream(), meanwhile);
    assert_eq!((first.unwrap(), second.unwrap()), (1, 1));
    subscriber.receive();
    assert_eq!(
        distinct_numbers(&subscriber.events),
        [1, 2],
        "the lease holder must send the second event"
    );
}

/// Lambda may deliver a stream record twice, late or never. Sending depends only on the stored
/// events.
#[tokio::test(start_paused = true)]
async fn duplicate_late_or_missing_records_change_nothing() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    let mut subscriber = stack.subscribe(&tenant, &[], None).await;
    let mut records = Vec::new();
    for n in 0..4 {
        let id = publish(&tenant, account, json!(n)).await.id().to_owned();
        let keys = json!({"pk": {"S": format!("EVENTS#{account}")}, "sk": {"S": id}});
        records.push(json!({"eventName": "INSERT", "dynamodb": {"Keys": keys}}));
        tokio::time::sleep(SECOND).await;
    }
    let hand = async |records: &[Value]| {
        let occasion = serde_json::from_value(json!({"Records": records})).unwrap();
        stack
            .pusher()
            .handle(occasion, "news", stack.now() + Duration::from_secs(28))
            .await
            .unwrap();
    };
    // The third record alone, then duplicates, and earlier records late.
    hand(&records[2..3]).await;
    assert_eq!(subscriber.event_data(), [0, 1, 2, 3].map(|n| json!(n)));
    for late in [0, 1, 3600] {
        tokio::time::sleep(late * SECOND).await;
        hand(&[records[2].clone(), records[2].clone()]).await;
        hand(&records[..2]).await;
        hand(&records).await;
    }
    subscriber.receive();
    assert_eq!(subscriber.events.len(), 4, "no event is sent again");
}
