//! Delivery order: each event once, and each writer's events in order, despite clock skew.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use sim::{Fault, Plan, Seed, Stack};

use super::{Subscriber, publish};

/// The event numbers received from each writer, in the order of receipt.
fn by_writer(got: &[Value]) -> BTreeMap<u64, Vec<u64>> {
    let mut writers = BTreeMap::<u64, Vec<u64>>::new();
    for data in got {
        writers
            .entry(data["writer"].as_u64().unwrap())
            .or_default()
            .push(data["n"].as_u64().unwrap());
    }
    writers
}

/// Six writers with up to 2 s of clock skew, writes that take up to a second, and a subscriber that
/// reconnects to processes with other clocks.
#[tokio::test(start_paused = true)]
async fn clock_skew_loses_and_repeats_nothing() {
    for seed in 0..4 {
        let stack = Stack::new().await;
        let account = stack.tenant_account();
        let dice = Seed(seed);
        stack.aws.inject(Plan::new(move |operation, nth| {
            let draw = dice.draw(operation, nth);
            let slow = operation == "PutItem" && draw.is_multiple_of(5);
            if slow { Fault::Delay(Duration::from_millis(draw / 8 % 900)) } else { Fault::None }
        }));
        let writers = (0..6u64).map(|writer| {
            let client =
                stack.tenant_with_clock_skew([-1000, -800, 0, 300, 900, 1000][writer as usize]);
            async move {
                for n in 0..60 {
                    let answer = publish(&client, account, json!({"writer": writer, "n": n})).await;
                    assert_eq!(answer.status, 202, "{answer:?}");
                    let pause = Seed(seed).draw("pause", writer * 1000 + n) % 200;
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
            }
        });
        let mut subscriber = Subscriber::default();
        let reading = async {
            for read in 0..150 {
                let draw = dice.draw("read", read);
                // Each read is by another process with another clock.
                let client = stack.tenant_with_clock_skew([-1000, 0, 1000][(draw % 3) as usize]);
                subscriber.read(&client, &format!("limit={}", draw / 8 % 12 + 1)).await;
                tokio::time::sleep(Duration::from_millis(draw / 128 % 100)).await;
            }
        };
        tokio::join!(futures::future::join_all(writers), reading);
        assert!(stack.aws.heal() > 20);
        subscriber.read_all(&stack.tenant()).await;
        let expected: Vec<u64> = (0..60).collect();
        for (writer, numbers) in by_writer(&subscriber.data()) {
            assert_eq!(numbers, expected, "seed {seed}, writer {writer}");
        }
        assert_eq!(subscriber.received.len(), 360);
    }
}

/// Without clock skew, live subscribers get all events in the order of their ids, which is also the
/// order for a subscriber that reads later.
#[tokio::test(start_paused = true)]
async fn live_and_later_subscribers_get_the_same_order() {
    let stack = Stack::new().await;
    let account = stack.tenant_account();
    let writers = (0..4u64).map(|writer| {
        let client = stack.tenant();
        async move {
            for n in 0..50 {
                publish(&client, account, json!({"writer": writer, "n": n})).await;
                tokio::time::sleep(Duration::from_millis(7 + writer)).await;
            }
        }
    });
    let (mut present, tenant) = (Subscriber::default(), stack.tenant());
    let reading = async {
        while present.received.len() < 200 {
            present.read(&tenant, "limit=10").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::join!(futures::future::join_all(writers), reading);
    let mut later = Subscriber::default();
    later.read_all(&tenant).await;
    assert_eq!(present.received, later.received);
    assert!(
        present.received.windows(2).all(|pair| pair[0]["id"].as_str() < pair[1]["id"].as_str())
    );
}

/// 16 publishers send 10,000 events through three processes. One subscriber reads throughout and
/// resumes from its cursor after each page, another reads everything afterwards.
#[tokio::test(start_paused = true)]
async fn every_subscriber_gets_10000_events_once() {
    let stack = Stack::new().await;
    let account = stack.tenant_account();
    let functions: Vec<_> = (0..3).map(|_| stack.tenant()).collect();
    let publishers = (0..16u64).map(|writer| {
        let client = functions[writer as usize % 3].clone();
        async move {
            for n in 0..625 {
                let answer = publish(&client, account, json!({"writer": writer, "n": n})).await;
                assert_eq!(answer.status, 202, "{answer:?}");
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }
    });
    let mut present = Subscriber::default();
    let reading = async {
        while present.received.len() < 10_000 {
            if present.read(&stack.tenant(), "limit=100").await < 100 {
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        }
    };
    tokio::join!(futures::future::join_all(publishers), reading);
    let mut later = Subscriber::default();
    later.read_all(&stack.tenant()).await;
    for subscriber in [&present, &later] {
        assert_eq!(subscriber.received.len(), 10_000);
        let expected: Vec<u64> = (0..625).collect();
        assert!(by_writer(&subscriber.data()).values().all(|numbers| *numbers == expected));
    }
    assert_eq!(present.received, later.received);
}
