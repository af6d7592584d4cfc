//! `after=now`: exactly the events accepted from now on.

use std::time::Duration;

use futures::future::join_all;
use model::id::AccountId;
use serde_json::{Value, json};
use sim::{Client, Fault, Plan, Stack};
use tokio::time::Instant;

use super::{Subscriber, publish};

/// Creates a subscriber that starts with `after=now`.
async fn subscribe_from_now(client: &Client) -> Subscriber {
    let mut subscriber = Subscriber { cursor: Some("now".to_owned()), received: Vec::new() };
    assert_eq!(subscriber.read(client, "").await, 0);
    subscriber
}

/// An accepted event, and the milliseconds until its acceptance.
type Accepted = (String, u64);

/// Publishes a writer's events. Returns them with the times since `began`.
async fn write(client: Client, account: AccountId, writer: u64, began: Instant) -> Vec<Accepted> {
    let mut accepted = Vec::new();
    for n in 0..80 {
        let answer = publish(&client, account, json!({"writer": writer, "n": n})).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let at = answer.at.duration_since(began).as_millis() as u64;
        accepted.push((answer.id().to_owned(), at));
        tokio::time::sleep(Duration::from_millis(10 + writer * 31)).await;
    }
    accepted
}

/// A subscriber, and when it asked for its position and got it.
struct Started {
    subscriber: Subscriber,
    asked: u64,
    answered: u64,
}

/// Starts the `n`-th subscriber after a pause, and reads some pages.
async fn start_subscriber(client: Client, n: u64, began: Instant) -> Started {
    let now = || began.elapsed().as_millis() as u64;
    tokio::time::sleep(Duration::from_millis(n * 1003)).await;
    let asked = now();
    let mut subscriber = subscribe_from_now(&client).await;
    let answered = now();
    for _ in 0..2 * n {
        subscriber.read(&client, "limit=7").await;
        tokio::time::sleep(Duration::from_millis(n * 11)).await;
    }
    Started { subscriber, asked, answered }
}

impl Started {
    /// It received each event that was accepted after its start, and none accepted before.
    fn check(&self, accepted: &[Accepted]) {
        let Self { subscriber, asked, answered } = self;
        let told = |id: &str| subscriber.received.iter().filter(|event| event["id"] == *id).count();
        for (id, at) in accepted {
            let expected = if at > answered {
                1..=1
            } else if at < asked {
                0..=0
            } else {
                0..=1
            };
            assert!(
                expected.contains(&told(id)),
                "{id}: accepted at {at}, asked at {asked}, answered at {answered}"
            );
        }
    }
}

/// Writers with clock skew, writes that take up to 900 ms, and subscribers that start at any moment
/// on clocks of their own. Each subscriber gets every event accepted after it started, and none
/// accepted before.
#[tokio::test(start_paused = true)]
async fn starts_exactly_between_events() {
    let stack = Stack::new().await;
    let account = stack.tenant_account();
    stack.aws.inject(Plan::new(|operation, nth| {
        let slow = operation == "PutItem" && nth.is_multiple_of(3);
        if slow { Fault::Delay(Duration::from_millis(nth * 37 % 900)) } else { Fault::None }
    }));
    let began = Instant::now();
    let writers = (0..5u64).map(|writer| {
        let client = stack.tenant_with_clock_skew([-1000, -500, 0, 600, 1000][writer as usize]);
        write(client, account, writer, began)
    });
    let subscribers = (0..15u64).map(|n| {
        let client = stack.tenant_with_clock_skew([-1000, 0, 1000][(n % 3) as usize]);
        start_subscriber(client, n, began)
    });
    let (accepted, subscribers) = tokio::join!(join_all(writers), join_all(subscribers));
    assert!(stack.aws.heal() > 50);
    let accepted: Vec<_> = accepted.into_iter().flatten().collect();
    let mut sizes = Vec::new();
    for mut started in subscribers {
        started.subscriber.read_all(&stack.tenant()).await;
        started.check(&accepted);
        sizes.push(started.subscriber.received.len());
    }
    assert!(sizes[0] > 300 && sizes[14] < sizes[0] - 150, "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn long_poll_from_now_waits_for_the_next_event() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    publish(&tenant, account, json!("old")).await;
    let waiting = tenant.with("prefer", "wait=20");
    let (answer, _) = tokio::join!(waiting.get("/v1/events?after=now"), async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        publish(&tenant, account, json!("news")).await
    });
    let data: Vec<&Value> =
        answer.body["items"].as_array().unwrap().iter().map(|event| &event["data"]).collect();
    assert_eq!(data, [&json!("news")]);
    let mut subscriber = subscribe_from_now(&tenant).await;
    subscriber.read_all(&tenant).await;
    assert_eq!(subscriber.received, [] as [Value; 0]);
    for bad in ["NOW", "now%20", "now&after=now"] {
        assert_eq!(
            tenant.get(&format!("/v1/events?after={bad}")).await.problem_type(),
            "invalid-parameter",
            "{bad}"
        );
    }
}

/// A new cursor costs one query of recent events, however many events are stored.
#[tokio::test(start_paused = true)]
async fn costs_one_query_per_account() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    for n in 0..30 {
        publish(&tenant, account, json!({"n": n, "text": "x".repeat(20_000)})).await;
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    publish(&tenant, account, json!("young")).await;
    stack.aws.reset_ledger();
    subscribe_from_now(&tenant).await;
    let queries = stack.aws.reset_ledger().line("Query");
    assert_eq!(queries.calls, 1);
    assert!(queries.read_units <= 1.0, "{queries:?}");
}
