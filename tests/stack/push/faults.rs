//! Push with failing calls, killed functions, and many concurrent writers and senders.

mod reconnects;

use std::{collections::HashSet, time::Duration};

use http::Method;
use serde_json::{Value, json};
use sim::{Fault, KillSwitch, Plan, Stack, run_until_killed};

use super::SECOND;
use crate::events::publish;

/// The numbers received, without duplicates by event id.
fn distinct_numbers(events: &[Value]) -> Vec<u64> {
    let mut seen = HashSet::new();
    let new = events.iter().filter(|event| seen.insert(event["id"].clone()));
    new.map(|event| event["data"].as_u64().unwrap()).collect()
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
