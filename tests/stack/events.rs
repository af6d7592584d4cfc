//! Events: publishing, and reading from a subscriber's cursor.

mod after_now;
mod idempotency;
mod jobs;
mod load;
mod order;
mod rate;

use std::time::Duration;

use http::Method;
use model::{account::Scope, id::AccountId};
use serde_json::{Value, json};
use sim::{ApiResponse, Client, Stack};

pub async fn publish(client: &Client, account: AccountId, data: Value) -> ApiResponse {
    let path = format!("/v1/accounts/{account}/events");
    client.send(Method::POST, &path, Some(json!({"data": data}))).await
}

/// A subscriber with its cursor and the events it received.
#[derive(Default)]
pub struct Subscriber {
    pub cursor: Option<String>,
    pub received: Vec<Value>,
}

impl Subscriber {
    /// Reads a page and returns the number of events in it.
    pub async fn read(&mut self, client: &Client, query: &str) -> usize {
        let after = self.cursor.as_ref().map(|cursor| format!("&after={cursor}"));
        let answer = client.get(&format!("/v1/events?{query}{}", after.unwrap_or_default())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let items = answer.body["items"].as_array().unwrap();
        self.received.extend(items.iter().cloned());
        self.cursor = Some(answer.body["next_cursor"].as_str().unwrap().to_owned());
        items.len()
    }

    /// Waits until all events are below the watermark, then reads all pages.
    pub async fn read_all(&mut self, client: &Client) {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let mut cursor = None;
        while self.read(client, "limit=100").await > 0 || self.cursor != cursor {
            cursor.clone_from(&self.cursor);
        }
    }

    pub fn data(&self) -> Vec<Value> {
        self.received.iter().map(|event| event["data"].clone()).collect()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn events_are_read_in_order_and_from_a_cursor() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    let path = format!("/v1/accounts/{account}/events");
    let body = json!({"data": {"temperature": 21.50}, "source": "sensor-7"});
    let accepted = tenant.send(Method::POST, &path, Some(body)).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    for n in 1..5 {
        assert_eq!(publish(&tenant, account, json!(n)).await.status, 202);
    }
    tokio::time::sleep(SECOND).await;

    let mut subscriber = Subscriber::default();
    assert_eq!(subscriber.read(&tenant, "limit=3").await, 3);
    insta::assert_json_snapshot!("event", subscriber.received[0], {
        ".id" => "evt_…", ".account_id" => "acc_…",
    });
    assert_eq!(subscriber.received[0]["id"], accepted.id());
    assert_eq!(subscriber.received[1]["source"], "tenant", "the key's name");
    // The subscriber restarts against a new deployment and continues from its cursor.
    let later = stack.tenant();
    assert_eq!(subscriber.read(&later, "").await, 2);
    assert_eq!(subscriber.read(&later, "").await, 0);
    publish(&tenant, account, json!(5)).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(subscriber.read(&later, "").await, 1);
    assert_eq!(
        subscriber.data(),
        [json!({"temperature": 21.50}), json!(1), json!(2), json!(3), json!(4), json!(5)]
    );
}

#[tokio::test(start_paused = true)]
async fn long_poll_is_answered_within_a_second_of_the_event() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    let waiting = tenant.with("prefer", "wait=20");
    let begun = tokio::time::Instant::now();
    let (answer, published) = tokio::join!(waiting.get("/v1/events"), async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        publish(&tenant, account, json!("news")).await;
        tokio::time::Instant::now()
    });
    assert_eq!(
        (answer.header("preference-applied"), &answer.body["items"][0]["data"]),
        ("wait=20", &json!("news"))
    );
    assert!(published.elapsed() < SECOND);

    let after = answer.body["next_cursor"].as_str().unwrap();
    let empty = waiting.get(&format!("/v1/events?after={after}")).await;
    assert_eq!((empty.status, &empty.body["items"]), (200, &json!([])));
    assert_eq!(begun.elapsed().as_secs(), 27);
}

#[tokio::test(start_paused = true)]
async fn events_are_kept_for_seven_days() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    let mut away = Subscriber::default();
    away.read(&tenant, "").await;
    publish(&tenant, account, json!("first")).await;
    tokio::time::sleep(Duration::from_secs(6 * 24 * 3600)).await;
    publish(&tenant, account, json!("second")).await;
    tokio::time::sleep(Duration::from_secs(24 * 3600 - 10)).await;
    let mut fresh = Subscriber::default();
    assert_eq!(fresh.read(&tenant, "").await, 2);
    assert_eq!(away.read(&tenant, "").await, 2);
    tokio::time::sleep(Duration::from_secs(20)).await;
    // DynamoDB deletes expired items late. Expired events are not shown.
    let mut fresh = Subscriber::default();
    assert_eq!((fresh.read(&tenant, "").await, &fresh.received[0]["data"]), (1, &json!("second")));
}

#[tokio::test(start_paused = true)]
async fn invalid_events_and_queries_are_refused() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    for empty in [json!(null), json!(""), json!([]), json!({})] {
        let answer = publish(&tenant, account, empty).await;
        assert_eq!(
            (answer.status, &answer.body["errors"][0]["pointer"]),
            (422, &json!("/data")),
            "{answer:?}"
        );
    }
    for good in [json!(0), json!(false), json!("x".repeat(64 * 1024 - 2))] {
        assert_eq!(publish(&tenant, account, good).await.status, 202);
    }
    assert_eq!(publish(&tenant, account, json!("x".repeat(64 * 1024 - 1))).await.status, 422);
    let path = format!("/v1/accounts/{account}/events");
    for (body, pointer) in [
        (json!({}), "/data"),
        (json!({"data": 1, "source": ""}), "/source"),
        (json!({"data": 1, "source": "x".repeat(256)}), "/source"),
        (json!({"data": 1, "more": 1}), "/more"),
    ] {
        let answer = tenant.send(Method::POST, &path, Some(body.clone())).await;
        assert_eq!(
            (answer.status, &answer.body["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{body}"
        );
    }
    for bad in ["after=x", "after=", "limit=0", "account=x", "cursor=x"] {
        let answer = tenant.get(&format!("/v1/events?{bad}")).await;
        assert_eq!((answer.status, answer.problem_type()), (400, "invalid-parameter"), "{bad}");
    }
}

#[tokio::test(start_paused = true)]
async fn accounts_read_own_events_and_the_operator_any() {
    let stack = Stack::new().await;
    let (tenant, operator) = (stack.tenant(), stack.operator());
    let key = stack.create_account_key(&[Scope::EventsRead]).await;
    let (stranger, mine) = (stack.client(&key), stack.tenant_account());
    let theirs: AccountId = key.parse::<model::account::ApiKey>().unwrap().account;
    let unknown: AccountId = model::id::generate(stack.now(), rand::random());

    assert_eq!(publish(&stranger, theirs, json!(1)).await.problem_type(), "missing-scope");
    for account in [theirs, unknown] {
        assert_eq!(publish(&tenant, account, json!(1)).await.problem_type(), "not-found");
        assert_eq!(
            tenant.get(&format!("/v1/events?account={account}")).await.problem_type(),
            "not-found"
        );
    }
    assert_eq!(publish(&operator, unknown, json!(1)).await.problem_type(), "not-found");
    assert_eq!(
        operator.get(&format!("/v1/events?account={unknown}")).await.problem_type(),
        "not-found"
    );

    publish(&tenant, mine, json!("mine")).await;
    tokio::time::sleep(SECOND).await;
    publish(&operator, theirs, json!("theirs")).await;
    tokio::time::sleep(SECOND).await;
    let mut both = Subscriber::default();
    both.read(&operator, &format!("account={mine}&account={theirs}")).await;
    assert_eq!(both.data(), [json!("mine"), json!("theirs")]);
    assert_eq!(both.received[1]["account_id"], theirs.to_string());
    for (client, query, seen) in
        [(&tenant, String::new(), "mine"), (&stranger, format!("account={theirs}"), "theirs")]
    {
        let mut one = Subscriber::default();
        one.read(client, &query).await;
        assert_eq!(one.data(), [json!(seen)]);
    }
}

#[tokio::test(start_paused = true)]
async fn deactivated_account_accepts_no_events() {
    let stack = Stack::new().await;
    let accounts = stack.accounts();
    let known = accounts.get_cached(stack.tenant_account(), stack.now()).await.unwrap().unwrap();
    accounts
        .put_account(&model::account::Account { is_active: false, ..(*known).clone() })
        .await
        .unwrap();
    let answer = publish(&stack.operator(), stack.tenant_account(), json!(1)).await;
    assert_eq!((answer.status, answer.problem_type()), (409, "account-inactive"));
    let answer = publish(&stack.tenant(), stack.tenant_account(), json!(1)).await;
    assert_eq!((answer.status, answer.problem_type()), (403, "account-inactive"));
}

/// Pages of large events are shorter, because a response is limited in size.
#[tokio::test(start_paused = true)]
async fn large_events_are_paged_by_size() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    let large = "x".repeat(64 * 1024 - 2);
    for _ in 0..40 {
        assert_eq!(publish(&tenant, account, json!(large)).await.status, 202);
    }
    for pause in [SECOND, 60 * SECOND] {
        tokio::time::sleep(pause).await;
        let mut subscriber = Subscriber::default();
        let mut pages = Vec::new();
        while subscriber.received.len() < 40 {
            pages.push(subscriber.read(&tenant, "limit=100").await);
        }
        assert!(pages.iter().all(|page| (1..=16).contains(page)), "{pages:?}");
        assert!(
            subscriber
                .received
                .windows(2)
                .all(|pair| pair[0]["id"].as_str() < pair[1]["id"].as_str())
        );
    }
}
