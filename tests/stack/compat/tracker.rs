//! The account tracker's API: clients publish a text for an account.

use std::time::Duration;

use http::Method;
use model::{account::Scope, id::AccountId};
use serde_json::{Value, json};
use sim::{ApiResponse, Client, Stack};

use crate::events::Subscriber;

async fn put(client: &Client, account: AccountId, query: &str) -> ApiResponse {
    client.send(Method::PUT, &format!("/v1/accounts/{account}/events{query}"), None).await
}

async fn received_events(stack: &Stack) -> Vec<Value> {
    let mut subscriber = Subscriber::default();
    subscriber.read_all(&stack.tenant()).await;
    subscriber.received
}

#[tokio::test(start_paused = true)]
async fn text_in_the_query_is_published_unchanged() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    let long = "x".repeat(60_000);
    let cases = [
        ("hello", "hello"),
        ("hello+world%21", "hello world!"),
        ("1%2B1=2%26%3F", "1+1=2&?"),
        ("%7B%22n%22%3A%201%7D", "{\"n\": 1}"),
        ("gr%C3%BC%C3%9Fe%0A%00%22", "grüße\n\0\""),
        ("%20", " "),
        (&long, &long),
    ];
    for (encoded, _) in cases {
        let answer = put(&tenant, account, &format!("?data={encoded}")).await;
        assert_eq!((answer.status, &answer.body), (202, &json!({"id": answer.id()})), "{encoded}");
    }
    let told = received_events(&stack).await;
    let texts: Vec<_> = told.iter().map(|event| event["data"].as_str().unwrap()).collect();
    assert_eq!(texts, cases.map(|(_, text)| text));
    assert_eq!((&told[0]["type"], &told[0]["source"]), (&json!("data"), &json!("tenant")));
}

#[tokio::test(start_paused = true)]
async fn invalid_requests_publish_nothing() {
    let stack = Stack::new().await;
    let (tenant, mine) = (stack.tenant(), stack.tenant_account());
    let mut shown = String::new();
    for query in ["", "?", "?data=a&data=b", "?data=a&source=b", "?data=%FF", "?data="] {
        let answer = put(&tenant, mine, query).await;
        let told =
            if answer.status == 422 { &answer.body["errors"] } else { &answer.body["detail"] };
        shown += &format!("{query}: {} {told}\n", answer.status);
    }
    insta::assert_snapshot!(shown);
    // Each character takes two bytes of JSON.
    let long = format!("?data={}", "%0A".repeat(20_000));
    assert_eq!(put(&tenant, mine, &long).await.status, 202);
    let too_long = format!("?data={}", "%00".repeat(11_000));
    assert_eq!(put(&tenant, mine, &too_long).await.problem_type(), "invalid-body");

    let key = stack.create_account_key(&[Scope::EventsRead]).await;
    let theirs: AccountId = key.parse::<model::account::ApiKey>().unwrap().account;
    let unknown: AccountId = model::id::generate(stack.now(), rand::random());
    for (client, account, status, slug) in [
        (stack.client(""), mine, 401, "unauthenticated"),
        (stack.client(&key), theirs, 403, "missing-scope"),
        (tenant.clone(), theirs, 404, "not-found"),
        (tenant.clone(), unknown, 404, "not-found"),
        (stack.operator(), unknown, 404, "not-found"),
    ] {
        let answer = put(&client, account, "?data=a").await;
        assert_eq!((answer.status, answer.problem_type()), (status, slug));
    }
    let off = Some(json!({"is_active": false}));
    stack.operator().send(Method::PATCH, &format!("/v1/accounts/{theirs}"), off).await;
    assert_eq!(put(&stack.operator(), theirs, "?data=a").await.status, 409);
    assert_eq!(received_events(&stack).await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn repeat_with_idempotency_key_publishes_once() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant().with("idempotency-key", "a"), stack.tenant_account());
    let first = put(&tenant, account, "?data=a+b").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let again = put(&tenant, account, "?data=a%20b").await;
    assert_eq!((again.header("idempotency-replayed"), again.id()), ("true", first.id()));
    assert_eq!(put(&tenant, account, "?data=c").await.problem_type(), "idempotency-key-reused");
    let body = Some(json!({"data": "a b"}));
    let posted = tenant.send(Method::POST, &format!("/v1/accounts/{account}/events"), body).await;
    assert_eq!(posted.problem_type(), "idempotency-key-reused", "another request");
    assert_eq!(received_events(&stack).await.len(), 1);
}
