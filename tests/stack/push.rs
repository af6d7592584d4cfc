//! Push: events sent to WebSocket subscribers as they happen.

mod faults;

use std::time::Duration;

use http::Method;
use model::account::Scope;
use serde_json::{Value, json};
use sim::{ConnectionRefused, Stack};

use crate::events::{Subscriber as Reader, publish};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn events_are_pushed_as_they_happen() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    publish(&tenant, account, json!("before")).await;
    tokio::time::sleep(SECOND).await;
    let mut subscriber = stack.subscribe(&tenant, &[], None).await;
    assert_eq!(subscriber.event_data(), [json!("before")]);
    for n in 0..3 {
        let published = stack.now();
        publish(&tenant, account, json!(n)).await;
        assert_eq!(stack.deliver_stream().await.unwrap(), 1);
        assert!(stack.now().since(published) < SECOND, "the stream is polled four times a second");
        assert_eq!(subscriber.event_data().last(), Some(&json!(n)));
    }
    let event = subscriber.events.last().unwrap();
    let page = tenant.get("/v1/events?limit=100").await;
    assert_eq!(
        Some(event),
        page.body["items"].as_array().unwrap().last(),
        "the same as from the API"
    );
    assert_eq!(subscriber.send(json!({"action": "ping"})).await, [json!({"type": "pong"})]);
}

#[tokio::test(start_paused = true)]
async fn lost_connection_resumes_from_its_cursor() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    let mut first = stack.subscribe(&tenant, &[], None).await;
    publish(&tenant, account, json!(1)).await;
    stack.deliver_stream().await.unwrap();
    assert_eq!(first.event_data(), [json!(1)]);
    first.drop_connection();
    publish(&tenant, account, json!(2)).await;
    stack.deliver_stream().await.unwrap();
    assert!(
        !stack
            .aws
            .items()
            .iter()
            .any(|item| item["pk"]["S"].as_str().unwrap().starts_with("CONNECTION#"))
    );
    publish(&tenant, account, json!(3)).await;
    tokio::time::sleep(SECOND).await;
    let mut second = stack.subscribe(&tenant, &[], first.cursor.as_deref()).await;
    assert_eq!(second.event_data(), [json!(2), json!(3)]);
    // Cursors of WebSocket and HTTP are interchangeable in both directions.
    let mut reader = Reader { cursor: second.cursor.clone(), ..Reader::default() };
    publish(&tenant, account, json!(4)).await;
    tokio::time::sleep(SECOND).await;
    assert_eq!(reader.read(&tenant, "").await, 1);
    let mut third = stack.subscribe(&tenant, &[], reader.cursor.as_deref()).await;
    publish(&tenant, account, json!(5)).await;
    stack.deliver_stream().await.unwrap();
    assert_eq!(third.event_data(), [json!(5)]);
}

#[tokio::test(start_paused = true)]
async fn ticket_opens_one_connection_within_a_minute() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let answer = tenant.send(Method::POST, "/v1/push/tickets", None).await;
    assert_eq!((answer.status, &answer.body["url"]), (201, &json!("ws://127.0.0.1:9/live")));
    let ticket = answer.body["ticket"].as_str().unwrap().to_owned();
    assert!(
        stack.aws.items().iter().all(|item| !item.to_string().contains(&ticket)),
        "only the hash is stored"
    );
    let opened = stack.open(Some(&ticket)).await.unwrap();
    for refused in [Some(&*ticket), Some("x"), Some(""), None] {
        assert_eq!(stack.open(refused).await.unwrap_err(), ConnectionRefused(401), "{refused:?}");
    }
    opened.close().await;
    let late = stack.ticket(&tenant).await;
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!(stack.open(Some(&late)).await.unwrap_err(), ConnectionRefused(401));
    let left: Vec<_> = stack
        .aws
        .items()
        .into_iter()
        .filter(|item| {
            let pk = item["pk"]["S"].as_str().unwrap();
            ["TICKET#", "CONNECTION#", "SUBSCRIBERS#"].iter().any(|prefix| pk.starts_with(prefix))
        })
        .collect();
    assert_eq!(left, [Value::Null; 0]);
}

#[tokio::test(start_paused = true)]
async fn tenants_cannot_subscribe_to_other_accounts() {
    let stack = Stack::new().await;
    let (tenant, operator) = (stack.tenant(), stack.operator());
    let (mine, theirs) = (stack.tenant_account().to_string(), operator.get("/v1/accounts").await);
    let others: Vec<_> = theirs.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|account| account["id"].as_str().unwrap().to_owned())
        .filter(|id| *id != mine)
        .collect();
    for named in [&*others[0], "acc_01kagzwy00e40r2081040g2081"] {
        let mut subscriber = stack.open(Some(&stack.ticket(&tenant).await)).await.unwrap();
        let said = subscriber.send(json!({"action": "subscribe", "accounts": [mine, named]})).await;
        assert_eq!(
            (said.len(), &said[0]["problem"]["type"]),
            (1, &json!("urn:tollgate:problem:not-found")),
            "{named}"
        );
        publish(&tenant, stack.tenant_account(), json!(1)).await;
        stack.deliver_stream().await.unwrap();
        assert_eq!(subscriber.event_data(), [Value::Null; 0]);
    }
    let mut all = stack.subscribe(&operator, &[&mine, &others[0]], None).await;
    tokio::time::sleep(SECOND).await;
    publish(&operator, others[0].parse().unwrap(), json!("other")).await;
    stack.deliver_stream().await.unwrap();
    assert_eq!(all.event_data(), [json!(1), json!(1), json!("other")]);
    let no_events = stack.client(&stack.create_account_key(&[Scope::JobsRead]).await);
    assert_eq!(no_events.send(Method::POST, "/v1/push/tickets", None).await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn invalid_messages_get_a_problem() {
    let stack = Stack::new().await;
    let mut subscriber = stack.open(Some(&stack.ticket(&stack.tenant()).await)).await.unwrap();
    let mut shown = Vec::new();
    for text in [
        "",
        "{",
        "[]",
        "{\"action\":\"dance\"}",
        "{\"action\":\"subscribe\",\"accounts\":[\"x\"]}",
        "{\"action\":\"subscribe\",\"after\":\"x\"}",
        "{\"action\":\"subscribe\",\"from\":1}",
    ] {
        let said = subscriber.send_text(text).await;
        shown.push(json!({"said": text, "told": said}));
    }
    insta::assert_json_snapshot!(shown, {"[].told[].problem.request_id" => "…"});
    assert_eq!(
        subscriber.send(json!({"action": "ping"})).await,
        [json!({"type": "pong"})],
        "before it subscribes"
    );
    assert_eq!(
        subscriber.send(json!({"action": "subscribe"})).await,
        [json!({"type": "subscribed"})]
    );
    assert_eq!(
        subscriber.send(json!({"action": "subscribe"})).await,
        [json!({"type": "subscribed"})],
        "again"
    );
    let (operator, other) = (stack.operator(), stack.tenant_account().to_string());
    let mut subscriber = stack.subscribe(&operator, &[], None).await;
    let again = subscriber.send(json!({"action": "subscribe", "accounts": [other]})).await;
    assert_eq!(again[0]["problem"]["type"], "urn:tollgate:problem:subscribed");
}

/// Within 30 s of its revocation, a key receives no events on any connection.
#[tokio::test(start_paused = true)]
async fn revoked_key_receives_no_events() {
    let stack = Stack::new().await;
    let (operator, account) = (stack.operator(), stack.tenant_account());
    let path = format!("/v1/accounts/{account}/keys");
    let made = operator
        .send(Method::POST, &path, Some(json!({"name": "s", "scopes": ["events:read"]})))
        .await;
    let client = stack.client(made.body["secret"].as_str().unwrap());
    let (ticket, mut subscriber) =
        (stack.ticket(&client).await, stack.subscribe(&client, &[], None).await);
    assert_eq!(
        operator.send(Method::DELETE, &format!("{path}/{}", made.id()), None).await.status,
        204
    );
    tokio::time::sleep(10 * SECOND).await;
    publish(&stack.tenant(), account, json!(1)).await;
    stack.deliver_stream().await.unwrap();
    let said = subscriber.receive();
    assert!(!subscriber.is_open() && subscriber.events.is_empty(), "{said:?}");
    assert_eq!(stack.open(Some(&ticket)).await.unwrap_err(), ConnectionRefused(401));
}

#[tokio::test(start_paused = true)]
async fn account_is_limited_to_100_subscribers() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let mut first = None;
    for _ in 0..100 {
        let subscriber = stack.subscribe(&tenant, &[], None).await;
        first.get_or_insert(subscriber);
    }
    let mut one_more = stack.open(Some(&stack.ticket(&tenant).await)).await.unwrap();
    let said = one_more.send(json!({"action": "subscribe"})).await;
    assert_eq!(said[0]["problem"]["type"], "urn:tollgate:problem:too-many-subscribers");
    // All 100 subscribers are sent the event within a second.
    publish(&tenant, stack.tenant_account(), json!(1)).await;
    let published = stack.now();
    assert_eq!(stack.deliver_stream().await.unwrap(), 1);
    assert!(stack.now().since(published) < SECOND);
    let mut first = first.unwrap();
    assert_eq!(first.event_data(), [json!(1)]);
    first.close().await;
    let said = one_more.send(json!({"action": "subscribe"})).await;
    assert_eq!(said[0], json!({"type": "subscribed"}));
}

/// An event of an account without subscribers costs one query. With a subscriber, it costs two
/// writes and a read, however many events are sent.
#[tokio::test(start_paused = true)]
async fn cost_of_push() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    publish(&tenant, account, json!(1)).await;
    stack.aws.reset_ledger();
    stack.deliver_stream().await.unwrap();
    let ledger = stack.aws.reset_ledger();
    assert_eq!((ledger.calls(), ledger.count("Query")), (1, 1), "one query of the subscribers");
    let mut subscriber = stack.subscribe(&tenant, &[], None).await;
    tokio::time::sleep(15 * SECOND).await;
    for n in 0..50 {
        publish(&tenant, account, json!(n)).await;
    }
    stack.aws.reset_ledger();
    stack.deliver_stream().await.unwrap();
    // Excludes the counters of `submit`.
    let ledger = stack.aws.reset_ledger().without(sim::COUNTER_UPDATE);
    insta::assert_snapshot!(ledger);
    assert_eq!(subscriber.event_data().len(), 51);
}
