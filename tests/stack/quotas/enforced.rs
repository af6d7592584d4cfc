//! Accounts that have exhausted an enforced quota.

use std::time::Duration;

use http::Method;
use model::account::Scope;
use serde_json::{Value, json};
use sim::{ApiResponse, Client, Stack};

use super::{
    evaluation::{MINUTE, define, next_check, report_total},
    spec,
};

/// How long functions cache an account.
const CACHE_TIME: Duration = Duration::from_secs(8);

async fn submit(client: &Client) -> ApiResponse {
    client.submit("echo", json!(1)).await
}

#[tokio::test(start_paused = true)]
async fn exhausted_account_gets_429_with_retry_after() {
    let stack = Stack::new().await;
    // Long-lived functions with caches.
    let service = stack.service();
    let key =
        stack.create_account_key(&[Scope::JobsWrite, Scope::EventsWrite, Scope::JobsRead]).await;
    let account = key.parse::<model::account::ApiKey>().unwrap().account;
    let tenant = stack.client_with_service(&service, &key);
    let job = submit(&tenant).await;
    define(&stack, json!({"account": account, "enforce": true})).await;
    super::evaluation::put_open_hour(&stack, &format!("{account}#egress#shop#"), 1000, 1000).await;
    stack.check().await.unwrap();
    tokio::time::sleep(CACHE_TIME).await;
    stack.aws.reset_ledger();
    let refused = submit(&tenant).await;
    assert_eq!((refused.status, refused.problem_type()), (429, "quota-exceeded"));
    // One read returns the key and the account. The other call counts the refusal.
    assert_eq!((stack.aws.ledger().count("BatchGetItem"), stack.aws.ledger().calls()), (1, 2));
    let fields = ["retry-after", "ratelimit", "ratelimit-policy"]
        .map(|name| format!("{name}: {}", refused.header(name)));
    insta::assert_snapshot!(fields.join("\n"), @r#"
    retry-after: 3600
    ratelimit: "daily";r=0;t=28792
    ratelimit-policy: "daily";q=1000;qu="content-bytes";w=86400
    "#);
    insta::assert_snapshot!(refused.body["detail"].as_str().unwrap(), @"\
        The quota daily of 1000 bytes is used up; \
        the next period begins at 2026-11-21T00:00:00.000Z.");

    let events = format!("/v1/accounts/{account}/events");
    let spending: [(Method, String, Option<Value>); 6] = [
        (Method::POST, "/v1/jobs/batch".into(), Some(json!({"jobs": []}))),
        (Method::POST, format!("/v1/jobs/{}/retry", job.id()), None),
        (Method::POST, events.clone(), Some(json!({"data": 1}))),
        (Method::POST, "/api/activities".into(), Some(json!({}))),
        (Method::DELETE, "/api/user".into(), Some(json!({"id": 7}))),
        (Method::POST, "/v1/jobs".into(), None),
    ];
    for (method, path, body) in spending {
        assert_eq!(tenant.send(method, &path, body).await.status, 429, "{path}");
    }
    assert_eq!(tenant.job(job.id()).await.status, 200);
    assert_eq!(
        tenant.send(Method::DELETE, &format!("/v1/jobs/{}", job.id()), None).await.status,
        200
    );
    let body = json!({"kind": "echo", "payload": 1, "account": account});
    assert_eq!(stack.operator().send(Method::POST, "/v1/jobs", Some(body)).await.status, 202);
    assert_eq!(submit(&stack.tenant()).await.status, 202);

    define(&stack, json!({"account": account, "enforce": true, "limit_bytes": 1001})).await;
    next_check(&stack).await;
    tokio::time::sleep(CACHE_TIME).await;
    assert_eq!(submit(&tenant).await.status, 202);
}

/// Requests accepted before remain accepted: a repeat with the same idempotency key gets the
/// original response.
#[tokio::test(start_paused = true)]
async fn repeats_of_accepted_requests_are_replayed() {
    let stack = Stack::new().await;
    for kind in ["user.delete", "activities"] {
        stack.define(kind, json!({"schema": {}, "target": {"type": "echo"}})).await;
    }
    let (events, job) = (
        format!("/v1/accounts/{}/events", stack.tenant_account()),
        json!({"kind": "echo", "payload": 1}),
    );
    let requests: [(Method, &str, Option<Value>); 6] = [
        (Method::POST, "/v1/jobs", Some(job.clone())),
        (Method::POST, "/v1/jobs/batch", Some(json!({"jobs": [job, job]}))),
        (Method::POST, &events, Some(json!({"data": 1}))),
        (Method::PUT, &format!("{events}?data=hello"), None),
        (Method::DELETE, "/api/user", Some(json!({"id": 7}))),
        (Method::POST, "/api/activities", Some(json!({"activities": []}))),
    ];
    let named = |key: String| stack.tenant().with("idempotency-key", &key);
    let mut accepted = Vec::new();
    for (n, (method, path, body)) in requests.iter().enumerate() {
        let answer = named(format!("k{n}")).send(method.clone(), path, body.clone()).await;
        assert!([200, 201, 202].contains(&answer.status), "{path}: {answer:?}");
        accepted.push(answer);
    }
    define(&stack, json!({"enforce": true})).await;
    report_total(&stack, 1000).await;
    stack.check().await.unwrap();
    for (n, (method, path, body)) in requests.iter().enumerate() {
        let again = named(format!("k{n}")).send(method.clone(), path, body.clone()).await;
        assert_eq!(
            (again.status, again.header("idempotency-replayed")),
            (accepted[n].status, "true"),
            "{path}: {again:?}"
        );
        assert_eq!(again.body, accepted[n].body, "{path}");
        let news = named(format!("new{n}")).send(method.clone(), path, body.clone()).await;
        assert_eq!(news.status, 429, "{path}");
        assert!(!news.header("ratelimit").is_empty(), "{path}");
    }
    let other = json!({"kind": "echo", "payload": 2});
    assert_eq!(
        named("k0".to_owned()).send(Method::POST, "/v1/jobs", Some(other)).await.status,
        429
    );
    // The retry route has no replay, even with an idempotency key.
    let retry = format!("/v1/jobs/{}/retry", accepted[0].id());
    assert_eq!(named("k0".to_owned()).send(Method::POST, &retry, None).await.status, 429);
}

/// A block ends with its period, without a check.
#[tokio::test(start_paused = true)]
async fn block_ends_with_the_period_without_a_check() {
    let stack = Stack::new().await;
    define(&stack, json!({"enforce": true})).await;
    report_total(&stack, 1000).await;
    stack.check().await.unwrap();
    tokio::time::sleep(MINUTE * 60 * 8 - CACHE_TIME).await;
    assert_eq!(submit(&stack.tenant()).await.status, 429);
    tokio::time::sleep(CACHE_TIME).await;
    assert_eq!(submit(&stack.tenant()).await.status, 202);
}

#[tokio::test(start_paused = true)]
async fn each_quota_lifts_only_its_own_block() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    let put = async |name: &str, others: Value| {
        let answer = operator
            .send(Method::PUT, &format!("/v1/quotas/{name}"), Some(spec(&stack, others)))
            .await;
        assert!([200, 201].contains(&answer.status), "{answer:?}");
    };
    put("daily", json!({"enforce": true})).await;
    put("monthly", json!({"enforce": true, "period": "month"})).await;
    put("lenient", json!({})).await;
    report_total(&stack, 1000).await;
    stack.check().await.unwrap();
    let refused = submit(&stack.tenant()).await;
    assert!(refused.header("ratelimit").starts_with("\"monthly\""), "{refused:?}");
    put("monthly", json!({"period": "month"})).await;
    next_check(&stack).await;
    assert!(submit(&stack.tenant()).await.header("ratelimit").starts_with("\"daily\""));
    assert_eq!(operator.send(Method::DELETE, "/v1/quotas/daily", None).await.status, 204);
    next_check(&stack).await;
    assert_eq!(submit(&stack.tenant()).await.status, 202);
}
