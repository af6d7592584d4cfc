//! Webhook secrets: reading, rotation and signing with several secrets.

use std::time::Duration;

use http::Method;
use model::account::Scope;
use serde_json::{Value, json};
use sim::{Client, Stack};
use standardwebhooks::Webhook;

use crate::target::{Target, empty_response};

const HOUR: Duration = Duration::from_secs(3600);

fn path(stack: &Stack) -> String {
    format!("/v1/accounts/{}/webhook-secrets", stack.tenant_account())
}

async fn secrets(client: &Client, stack: &Stack) -> Vec<String> {
    let list = client.get(&path(stack)).await;
    assert_eq!((list.status, list.header("cache-control")), (200, "no-store"));
    list.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["secret"].as_str().unwrap().to_owned())
        .collect()
}

async fn rotate(client: &Client, stack: &Stack) -> (u16, Value) {
    let made = client.send(Method::POST, &path(stack), None).await;
    (made.status, made.body)
}

#[tokio::test(start_paused = true)]
async fn old_secret_is_valid_for_a_day() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let old = secrets(&tenant, &stack).await;
    let (made, new) = rotate(&tenant, &stack).await;
    let new = new["secret"].as_str().unwrap().to_owned();
    assert_eq!((made, secrets(&tenant, &stack).await), (201, vec![new.clone(), old[0].clone()]));
    let shown = stack.operator().get(&path(&stack)).await.body;
    insta::assert_json_snapshot!(shown, {".items[].secret" => "whsec_…"});
    tokio::time::sleep(24 * HOUR).await;
    assert_eq!(secrets(&tenant, &stack).await, [new]);
}

#[tokio::test(start_paused = true)]
async fn at_most_three_secrets_are_active() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    for _ in 0..2 {
        assert_eq!(rotate(&tenant, &stack).await.0, 201);
        tokio::time::sleep(HOUR).await;
    }
    let before = secrets(&tenant, &stack).await;
    let (status, refused) = rotate(&stack.operator(), &stack).await;
    assert_eq!(
        (status, &refused["detail"]),
        (409, &json!("Limit of 3 secrets reached; the first expires at 2026-11-21T16:00:00.000Z."))
    );
    assert_eq!(secrets(&tenant, &stack).await, before);
    tokio::time::sleep(22 * HOUR).await;
    assert_eq!(rotate(&tenant, &stack).await.0, 201);
}

#[tokio::test(start_paused = true)]
async fn secrets_of_another_account_are_not_found() {
    let stack = Stack::new().await;
    let stranger =
        stack.client(&stack.create_account_key(&[Scope::JobsRead, Scope::JobsWrite]).await);
    assert_eq!(stranger.get(&path(&stack)).await.problem_type(), "not-found");
    assert_eq!(stranger.send(Method::POST, &path(&stack), None).await.problem_type(), "not-found");
    assert_eq!(secrets(&stack.operator(), &stack).await.len(), 1);
    let unknown = "/v1/accounts/acc_01kagzwy00e40r2081040g2081/webhook-secrets";
    for client in [&stranger, &stack.operator()] {
        assert_eq!(client.get(unknown).await.status, 404);
        assert_eq!(client.send(Method::POST, unknown, None).await.status, 404);
    }
}

/// Two concurrent rotations create two secrets, and neither is lost.
#[tokio::test(start_paused = true)]
async fn concurrent_rotations_keep_both_secrets() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let (one, other) = tokio::join!(rotate(&tenant, &stack), rotate(&tenant, &stack));
    assert_eq!((one.0, other.0), (201, 201));
    let kept = secrets(&tenant, &stack).await;
    for made in [one.1, other.1] {
        assert!(kept.contains(&made["secret"].as_str().unwrap().to_owned()));
    }
}

/// Each secret produces a valid signature of its own.
#[tokio::test]
async fn requests_are_signed_with_all_active_secrets() {
    let stack = Stack::new().await;
    let target = Target::start(|_| empty_response(204)).await;
    stack
        .define("hook", json!({"schema": {}, "target": {"type": "http", "url": target.url}}))
        .await;
    let tenant = stack.tenant();
    rotate(&tenant, &stack).await;
    tenant.submit("hook", json!({"id": 7})).await;
    assert!(stack.run_worker(Duration::from_secs(20)).await.emptied);
    let (headers, body) = &target.requests()[0];
    let field = |name: &str| headers[name].to_str().unwrap();
    let timestamp = field("webhook-timestamp").parse().unwrap();
    let mut expected = Vec::new();
    for secret in secrets(&tenant, &stack).await {
        expected.push(
            Webhook::new(&secret).unwrap().sign(field("webhook-id"), timestamp, body).unwrap(),
        );
    }
    assert_eq!(field("webhook-signature").split(' ').collect::<Vec<_>>(), expected);
    assert_eq!(expected.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn cost_of_a_rotation() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    tenant.submit("echo", json!(1)).await;
    stack.aws.reset_ledger();
    assert_eq!(rotate(&tenant, &stack).await.0, 201);
    insta::assert_snapshot!("webhook_secret_created", stack.aws.reset_ledger());
}
