//! What is sent when calls fail, functions die and many write and send at once.

use std::{collections::HashSet, time::Duration};

use http::Method;
use serde_json::{Value, json};
use sim::{Fault, KillSwitch, Plan, Seed, Stack, run_until_killed};

use super::SECOND;
use crate::events::publish;

/// The numbers that were told, each the first time: a subscriber goes by the events' ids.
fn once(events: &[Value]) -> Vec<u64> {
    let mut seen = HashSet::new();
    let new = events.iter().filter(|event| seen.insert(event["id"].clone()));
    new.map(|event| event["data"].as_u64().unwrap()).collect()
}

/// Writers whose clocks differ, news of two shards at once, calls that fail, and a subscriber that is cut off again and again.
#[tokio::test(start_paused = true)]
async fn nothing_is_missed_or_repeated() {
    for seed in 0..2 {
        let stack = Stack::new().await;
        let (account, dice) = (stack.tenant_account(), Seed(seed));
        let faults = Plan::seeded(dice, 8);
        // A write of an event that fails is told to its publisher, which would have to repeat it.
        stack.aws.inject(faults.except("PutItem"));
        let writers = (0..3u64).map(|writer| {
            let client = stack.tenant_on_a_clock([-900, 0, 900][writer as usize]);
            async move {
                for n in 0..150 {
                    let answer = publish(&client, account, json!(writer * 1000 + n)).await;
                    assert_eq!(answer.status, 202, "{answer:?}");
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
                let Ok(mut subscriber) = stack.open(answer.body["ticket"].as_str()).await else { continue };
                let lasts = Duration::from_millis(dice.draw("lasts", connections) % 4000);
                let plug = subscriber.plug();
                let talk = async {
                    let mut said = subscriber.say(json!({"action": "subscribe", "after": cursor})).await;
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
        assert!(stack.aws.heal() > 20 && connections > 5, "{connections}");
        let told = once(&events);
        assert_eq!(told.len(), 450, "seed {seed}");
        for writer in 0..3 {
            let of_writer: Vec<_> = told.iter().filter(|n| **n / 1000 == writer).map(|n| n % 1000).collect();
            assert_eq!(of_writer, (0..150).collect::<Vec<_>>(), "seed {seed}, writer {writer}");
        }
    }
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
        let switch = if nth % 2 == 0 { KillSwitch::before(nth / 2) } else { KillSwitch::after(nth / 2 + 1) };
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
