//! An account from its creation to the revocation of its key.

use std::time::Duration;

use live_stack::{JOB_TIMEOUT, stack};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

/// Maximum time until a revoked key stops working, as the API documents.
const REVOKED: Duration = Duration::from_secs(30);

#[tokio::test]
async fn account_works_until_its_key_is_revoked() {
    let stack = stack();
    let made = stack
        .operate(Method::POST, "/v1/accounts", Some(json!({"name": "e2e", "max_running": 5})))
        .await;
    assert_eq!(made.status, 201, "{made:?}");
    let path = format!("/v1/accounts/{}", made.id());
    let keys = format!("{path}/keys");
    let body = json!({"name": "e2e", "scopes": ["jobs:read", "jobs:write"]});
    let key = stack.operate(Method::POST, &keys, Some(body)).await;
    assert_eq!(key.status, 201, "{key:?}");
    let secret = key.body["secret"].as_str().unwrap().to_owned();
    let send = async |method, path: &str, body: Option<Value>| {
        stack.send_as(&secret, method, path, &[], body).await
    };

    let accepted =
        send(Method::POST, "/v1/jobs", Some(json!({"kind": "echo", "payload": 7}))).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    let job = format!("/v1/jobs/{}", accepted.id());
    let deadline = Instant::now() + JOB_TIMEOUT;
    while send(Method::GET, &job, None).await.body["status"] != "completed" {
        assert!(Instant::now() < deadline, "no outcome within the timeout");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(stack.send(Method::GET, &job, &[], None).await.status, 404, "not the tenant's");

    let secrets = format!("{path}/webhook-secrets");
    assert_eq!(send(Method::POST, &secrets, None).await.status, 201);
    assert_eq!(send(Method::GET, &secrets, None).await.body["items"].as_array().unwrap().len(), 2);
    assert_eq!(stack.send(Method::GET, &secrets, &[], None).await.status, 404);

    let listed = stack.operate(Method::GET, &keys, None).await;
    assert!(listed.body["items"][0]["last_used_at"].is_string(), "{listed:?}");
    assert!(!listed.body.to_string().contains(&secret[60..]));
    let revoked = stack.operate(Method::DELETE, &format!("{keys}/{}", key.id()), None).await;
    assert_eq!(revoked.status, 204, "{revoked:?}");
    let deadline = Instant::now() + REVOKED;
    loop {
        let now = Instant::now();
        let answers =
            [send(Method::GET, "/v1/jobs", None).await, send(Method::POST, "/v1/jobs", None).await];
        if answers.iter().all(|answer| answer.status == 401) {
            break;
        }
        assert!(now < deadline, "the revoked key still works: {answers:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
