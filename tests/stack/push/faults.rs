//! What is sent when calls fail, functions die and many write and send at once.

use std::{collections::HashSet, time::Duration};

use http::Method;
use serde_json::{Value, json};
use shared::id::AccountId;
use sim::{Client, Fault, KillSwitch, Plan, Seed, Stack, run_until_killed};

use super::SECOND;
use crate::events::publish;

/// The numbers that were told, each the first time: a subscriber goes by the events' ids.
fn once(events: &[Value]) -> Vec<u64> {
    let mut seen = HashSet::new();
    let new = events.iter().filter(|event| seen.insert(event["id"].clone()));
    new.map(|event| event["data"].as_u64().unwrap()).collect()
}

/// Publishes a number, and repeats the request with its key while the answer is 503.
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

/// Writers whose clocks differ, news of two shards at once, calls that fail, and a subscriber that is cut off again and again.
#[tokio::test(start_paused = true)]
async fn nothing_is_missed_or_repeated() {
    // The first time without faults: then nothing even comes twice.
    for (seed, percent) in [(0, 0), (1, 8), (2, 8)] {
        let stack = Stack::new().await;
        let (account, dice) = (stack.tenant_account(), Seed(seed));
        let faults = Plan::seeded(dice, percent);
        // A publisher doesn't know whether an event whose write failed will be stored yet.
        stack.aws.inject(faults.except("PutItem"));
        let writers = (0..3u64).map(|writer| {
            let client = stack.tenant_on_a_clock([-900, 0, 900][writer as usize]);
            async move {
                for n in 0..150 {
                    publish_until_accepted(&client, account, writer * 1000 + n).await;
                    let pause = Seed(seed).draw("pause", writer * 1000 + n) % 300;
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
            }
        });
        let news = async || loop {
            let _ = stack.spread().await;
            tokio::time::sleep(Duration::from_millis(250)).await;
        };
        let mut events = Vec::new();
        let (mut cursor, mut connections) = (None::<String>, 0);
        let subscribing = async {
            while once(&events).len() < 450 {
                connections += 1;
                assert!(connections < 200, "{} of 450 after 200 connections", once(&events).len());
                let answer = stack.tenant().send(Method::POST, "/v1/push/tickets", None).await;
                let Ok(mut subscriber) = stack.open(answer.body["ticket"].as_str()).await else {
                    continue;
                };
                let lasts = Duration::from_millis(dice.draw("lasts", connections) % 1500);
                let plug = subscriber.plug();
                let talk = async {
                    let mut said =
                        subscriber.say(json!({"action": "subscribe", "after": cursor})).await;
                    assert!(
                        said.first().is_none_or(|first| first["type"] == "subscribed"),
                        "{said:?}"
                    );
                    while subscriber.is_open() {
                        if said.last().is_none_or(|last| last["type"] != "more") {
                            tokio::time::sleep(SECOND).await;
                        }
                        said = subscriber.say(json!({"action": "ping"})).await;
                    }
                };
                tokio::join!(talk, async {
                    tokio::time::sleep(lasts).await;
                    plug.pull();
                });
                if let Some(last) = subscriber.cursor.take() {
                    cursor = Some(last);
                }
                events.append(&mut subscriber.events);
                if dice.draw("leaves", connections).is_multiple_of(2) {
                    subscriber.leave().await;
                }
            }
        };
        let all = async {
            tokio::join!(futures::future::join_all(writers), subscribing);
        };
        tokio::select! {
            () = all => {}
            () = news() => {}
            () = news() => {}
        }
        let (faults, told) = (stack.aws.heal(), once(&events));
        assert!((percent == 0 || faults > 20) && connections > 2, "{connections}");
        assert!(
            percent > 0 || events.len() == told.len(),
            "{} events twice",
            events.len() - told.len()
        );
        for writer in 0..3 {
            let of_writer: Vec<_> =
                told.iter().filter(|n| **n / 1000 == writer).map(|n| n % 1000).collect();
            assert_eq!(of_writer, (0..150).collect::<Vec<_>>(), "seed {seed}, writer {writer}");
        }
    }
}

/// Answers that are lost of writes that were made: the SDK makes them again, and what comes of it is the same.
#[tokio::test(start_paused = true)]
async fn lost_answers_change_nothing() {
    let mut lost = 0;
    for operation in ["UpdateItem", "PutItem", "DeleteItem"] {
        for nth in 1..6 {
            let stack = Stack::new().await;
            let (tenant, account) = (stack.tenant(), stack.tenant_account());
            let ticket = stack.ticket(&tenant).await;
            publish(&tenant, account, json!(1)).await;
            stack.aws.inject(Plan::only(operation, nth, Fault::After));
            // A ticket whose taking got no answer is used up all the same.
            let Ok(mut subscriber) = stack.open(Some(&ticket)).await else {
                assert_eq!((operation, nth), ("DeleteItem", 1));
                continue;
            };
            let said = subscriber.say(json!({"action": "subscribe"})).await;
            assert_eq!(said.first(), Some(&json!({"type": "subscribed"})), "{operation} {nth}");
            publish(&tenant, account, json!(2)).await;
            stack.spread().await.unwrap();
            subscriber.look();
            let told: Vec<_> =
                subscriber.events.iter().map(|event| event["data"].as_u64().unwrap()).collect();
            assert_eq!(told, [1, 2], "{operation} {nth}");
            lost += stack.aws.heal();
        }
    }
    assert!(lost >= 5, "{lost}");
}

/// A client that asks for the rest at once finds the turn over, however long ending it takes.
#[tokio::test(start_paused = true)]
async fn who_asks_at_once_is_answered() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    let mut subscriber = stack.subscribe(&tenant, &[], None).await;
    publish(&tenant, account, json!(1)).await;
    stack.aws.inject(Plan::always("UpdateItem", Fault::Delay(Duration::from_millis(1200))));
    let mut news = std::pin::pin!(stack.spread());
    // Somebody else sends, and takes its time; meanwhile there is more, of which nobody else tells.
    assert!(tokio::time::timeout(2 * SECOND, &mut news).await.is_err());
    publish(&tenant, account, json!(2)).await;
    let (said, sent) = tokio::join!(subscriber.say(json!({"action": "ping"})), news);
    sent.unwrap();
    assert_eq!(said.last(), Some(&json!({"type": "pong"})));
    assert_eq!(
        once(&subscriber.events),
        [1, 2],
        "everything, before it is told that there is no more"
    );
}

/// A message is never more than the gateway takes, whatever is in the events.
#[tokio::test(start_paused = true)]
async fn messages_are_as_long_as_the_gateway_takes() {
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
    while subscriber.say(json!({"action": "ping"})).await.iter().any(|said| said["type"] != "pong")
    {
    }
    assert_eq!(subscriber.events.len(), 210);
}

/// Wherever the function dies, what it didn't send is sent next time: in a minute at the latest, when the subscriber says something.
#[tokio::test(start_paused = true)]
async fn a_function_that_dies_loses_nothing() {
    let mut deaths = 0;
    for nth in 1.. {
        let stack = Stack::new().await;
        let (tenant, account) = (stack.tenant(), stack.tenant_account());
        let mut subscriber = stack.subscribe(&tenant, &[], None).await;
        publish(&tenant, account, json!(1)).await;
        let switch =
            if nth % 2 == 0 { KillSwitch::before(nth / 2) } else { KillSwitch::after(nth / 2 + 1) };
        if run_until_killed(stack.spread(), &switch).await.is_some() {
            break;
        }
        deaths += 1;
        publish(&tenant, account, json!(2)).await;
        stack.spread().await.unwrap();
        tokio::time::sleep(60 * SECOND).await;
        subscriber.say(json!({"action": "ping"})).await;
        subscriber.look();
        assert_eq!(once(&subscriber.events), [1, 2], "killed at {nth}");
    }
    assert!(deaths >= 8, "{deaths}");
}

/// What there is no time for is sent when the subscriber asks for it.
#[tokio::test(start_paused = true)]
async fn a_long_way_is_gone_in_stages() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    for n in 0..3000 {
        publish(&tenant, account, json!(n)).await;
    }
    tokio::time::sleep(20 * SECOND).await;
    stack.aws.inject(Plan::always("PostToConnection", Fault::Delay(Duration::from_millis(1400))));
    let mut subscriber = stack.open(Some(&stack.ticket(&tenant).await)).await.unwrap();
    let mut said = subscriber.say(json!({"action": "subscribe"})).await;
    let mut stages = 1;
    while said.last().is_some_and(|last| last["type"] == "more") {
        stages += 1;
        assert!(stages < 20);
        said = subscriber.say(json!({"action": "ping"})).await;
    }
    assert!(stages > 2 && said.last().unwrap()["type"] == "pong", "{stages}");
    assert_eq!(once(&subscriber.events), (0..3000).collect::<Vec<_>>());
    assert_eq!(subscriber.events.len(), 3000);
}

/// Who finds the turn taken leaves a note of its news, and who has the turn sends that as well.
#[tokio::test(start_paused = true)]
async fn news_that_comes_while_somebody_sends_is_sent() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    let mut subscriber = stack.subscribe(&tenant, &[], None).await;
    publish(&tenant, account, json!(1)).await;
    stack.aws.inject(Plan::always("PostToConnection", Fault::Delay(SECOND)));
    let meanwhile = async {
        // By then the first one has read what there is.
        tokio::time::sleep(SECOND / 2).await;
        publish(&tenant, account, json!(2)).await;
        stack.spread().await
    };
    let (first, second) = tokio::join!(stack.spread(), meanwhile);
    assert_eq!((first.unwrap(), second.unwrap()), (1, 1));
    subscriber.look();
    assert_eq!(once(&subscriber.events), [1, 2], "nobody else brings the second");
}

/// Lambda may hand over a record twice, late, or never: what is sent goes by the events that are there.
#[tokio::test(start_paused = true)]
async fn records_that_come_twice_late_or_never_change_nothing() {
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
    // The third alone, of which the first two are behind; twice; and those before it late.
    hand(&records[2..3]).await;
    assert_eq!(subscriber.told(), [0, 1, 2, 3].map(|n| json!(n)));
    for late in [0, 1, 3600] {
        tokio::time::sleep(late * SECOND).await;
        hand(&[records[2].clone(), records[2].clone()]).await;
        hand(&records[..2]).await;
        hand(&records).await;
    }
    subscriber.look();
    assert_eq!(subscriber.events.len(), 4, "none is sent again");
}
