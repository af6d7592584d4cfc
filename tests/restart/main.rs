//! Kills one subscriber, and restarts the stack under others: each receives every event once and
//! in order.
//!
//! The test needs the stack for itself, so it is not one of the `e2e` tests. `make test-all` runs
//! it after those. The long version is `EVENTS=10000 python3 -m infra.local up --port 0
//! --temporary -- cargo test --workspace --features tests/e2e --test restart -- --nocapture`.

mod publisher;
mod subscriber;

use std::{collections::BTreeMap, time::Instant};

use serde_json::json;
use tokio::sync::watch;

use publisher::{Accepted, Account, Writer};
use subscriber::{EventTag, Subscriber};

/// Number of events; `EVENTS=10000` for the long version.
fn number() -> usize {
    std::env::var("EVENTS").map_or(1200, |number| number.parse().unwrap())
}

const ACCOUNTS: usize = 3;
const WRITERS_EACH: usize = 4;
/// Total kills of the subscriber.
const KILLS: usize = 8;
/// Events per restart of the stack.
const EVENTS_A_RESTART: usize = 2500;

#[tokio::test(flavor = "multi_thread")]
async fn delivers_each_event_once_and_in_order_across_restarts() {
    let begun = Instant::now();
    let mut accounts = Vec::new();
    for n in 0..ACCOUNTS {
        accounts.push(Account::create(&format!("restarts-{n}")).await);
    }
    let of: Vec<_> = accounts.iter().map(|account| account.id.clone()).collect();
    let start = Subscriber::current_cursor(&of).await;

    let (progress, seen) = watch::channel(0);
    let stays = tokio::spawn(Subscriber::from(&of, &start).follow(None));
    let killed = tokio::spawn(Subscriber::from(&of, &start).follow(Some(number() / KILLS)));
    let restarts = tokio::spawn(restart(seen));
    let writers = (0..ACCOUNTS * WRITERS_EACH).map(|writer| {
        let share = number().div_ceil(ACCOUNTS * WRITERS_EACH);
        tokio::spawn(
            Writer { writer, account: accounts[writer % ACCOUNTS].clone() }
                .publish(share, progress.clone()),
        )
    });
    let mut accepted = Accepted::new();
    for writer in writers.collect::<Vec<_>>() {
        accepted.extend(writer.await.unwrap());
    }
    let published = begun.elapsed();
    for account in &accounts {
        account.publish(&json!("the end"), "end").await;
    }
    let (stays, stays_killed) = stays.await.unwrap();
    let (killed, kills) = killed.await.unwrap();
    assert_eq!((stays_killed, kills), (0, KILLS));
    let outages = restarts.await.unwrap();
    // A subscriber that starts after everything was published.
    let (later, _) = Subscriber::from(&of, &start).follow(None).await;
    for got in [&stays, &killed, &later] {
        check(got, &accepted);
    }
    println!(
        "{} events by {} writers to {ACCOUNTS} accounts, published in {published:?}, \
         read by three in {:?}; {kills} kills, the stack restarted {outages} times",
        accepted.len(),
        ACCOUNTS * WRITERS_EACH,
        begun.elapsed(),
    );
}

/// Restarts the stack each time that another share of the events was accepted. Returns the number
/// of restarts.
async fn restart(mut accepted: watch::Receiver<usize>) -> usize {
    let restarts = number().div_ceil(EVENTS_A_RESTART);
    for n in 1..=restarts {
        let enough = number() * n / (restarts + 1);
        accepted.wait_for(|accepted| *accepted >= enough).await.unwrap();
        live_stack::restart().await;
    }
    restarts
}

/// Each accepted event was received once. Within an account, no event was received before another
/// that was accepted before the first was sent.
fn check(got: &[EventTag], accepted: &Accepted) {
    let mut times = BTreeMap::<&EventTag, usize>::new();
    for event in got {
        *times.entry(event).or_default() += 1;
    }
    let missed: Vec<_> = accepted.keys().filter(|event| !times.contains_key(event)).collect();
    let repeated: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
    assert!(missed.is_empty() && repeated.is_empty(), "missed {missed:?}, repeated {repeated:?}");
    assert_eq!(times.len(), accepted.len());
    let mut latest = BTreeMap::<&str, Instant>::new();
    for event in got {
        let (begun, answered) = accepted[event];
        let latest = latest.entry(&event.account).or_insert(begun);
        assert!(
            answered >= *latest,
            "{event:?} was received after an event whose publication began later"
        );
        *latest = (*latest).max(begun);
    }
}
