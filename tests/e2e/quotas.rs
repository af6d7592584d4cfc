//! Quotas up to the mails in the emulator's outbox.

mod many_series;

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use live_stack::{Stack, stack};
use reqwest::Method;
use runtime::clock::Clock;
use serde_json::{Value, json};

/// A separate account, because it gets blocked. Returns its id and a key.
async fn account(stack: &Stack) -> (String, String) {
    let account =
        stack.operate(Method::POST, "/v1/accounts", Some(json!({"name": "quotas"}))).await.id();
    let body = json!({"name": "quotas", "scopes": ["jobs:write", "usage:read"]});
    let key =
        stack.operate(Method::POST, &format!("/v1/accounts/{account}/keys"), Some(body)).await;
    (account, key.body["secret"].as_str().unwrap().to_owned())
}

/// A series' item with a total, as its source writes it.
fn series_item(series: String, total: u64) -> WriteRequest {
    let now = Clock::system().now().to_string();
    let (text, number) =
        (|text: &str| AttributeValue::S(text.to_owned()), AttributeValue::N(total.to_string()));
    let shard = series.split('#').next().and_then(|account| account.bytes().last()).unwrap() % 8;
    let put = PutRequest::builder().item("pk", text(&format!("SERIES#-push#{shard}")));
    let put = put.item("sk", text(&series));
    let put = put.item("counted", number.clone()).item("in_hour", text(&now[..13]));
    WriteRequest::builder()
        .put_request(put.item(format!("m{}", &now[14..16]), number).build().unwrap())
        .build()
}

async fn report(stack: &Stack, heads: Vec<WriteRequest>) {
    let dynamodb = stack.aws().dynamodb();
    for some in heads.chunks(25) {
        let call = dynamodb.batch_write_item().request_items(&stack.table, some.to_vec());
        call.send().await.unwrap();
    }
}

/// An additional minute tick.
async fn check(stack: &Stack) {
    let path = format!("/2015-03-31/functions/{}/invocations", stack.function("quota-check"));
    let answer = stack.emulator(Method::POST, &path, Some(json!({}))).await;
    assert_eq!(answer.get("errorMessage"), None, "{answer}");
}

/// Subjects of the mails about a quota, in order.
async fn subjects(stack: &Stack, quota: &str) -> Vec<String> {
    let outbox = stack.emulator(Method::GET, "/_ministack/ses/messages", None).await;
    let mut found = Vec::new();
    collect(&outbox, &mut found);
    found.retain(|subject| subject.contains(quota));
    found
}

/// Independent of how the emulator groups them.
fn collect(value: &Value, subjects: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, subjects)),
        Value::Object(members) => match members.get("Subject") {
            Some(subject) => subjects.push(subject.as_str().unwrap().to_owned()),
            None => members.values().for_each(|item| collect(item, subjects)),
        },
        _ => {}
    }
}

/// Two concurrent ticks after each step, in addition to the stack's own.
#[tokio::test]
async fn mails_each_threshold_once_and_enforces_the_quota() {
    let stack = stack();
    let (account, key) = account(stack).await;
    let name = format!("e2e-{:x}", rand::random::<u64>());
    let path = format!("/v1/quotas/{name}");
    let spec = |limit: u64| {
        json!({
            "limit_bytes": limit, "type": "egress", "service": "shop", "account": account,
            "period": "month", "recipients": ["ops@example.com"], "enforce": true,
        })
    };
    assert_eq!(stack.operate(Method::PUT, &path, Some(spec(1000))).await.status, 201);
    for total in [700, 799, 800, 950, 1010] {
        report(stack, vec![series_item(format!("{account}#egress#shop#list"), total)]).await;
        tokio::join!(check(stack), check(stack));
    }
    let told = subjects(stack, &name).await;
    let wanted =
        ["80", "90", "100"].map(|percent| format!("[Tollgate] Quota {name}: {percent} % used"));
    assert_eq!(told, wanted);
    let quota = stack.send_as(&key, Method::GET, &path, &[], None).await.body;
    assert_eq!(
        (&quota["used"], &quota["percent"], &quota["blocked"]),
        (&json!(1010), &json!(101.0), &json!(true))
    );
    assert!(
        quota["alerts"].as_array().unwrap().iter().all(|alert| !alert["mailed_at"].is_null()),
        "{quota}"
    );

    let submit = || {
        stack.send_as(
            &key,
            Method::POST,
            "/v1/jobs",
            &[],
            Some(json!({"kind": "echo", "payload": 1})),
        )
    };
    let refused = until(429, submit).await;
    assert!(
        refused.headers["ratelimit-policy"]
            .to_str()
            .unwrap()
            .contains("q=1000;qu=\"content-bytes\"")
    );
    assert_eq!(stack.operate(Method::PUT, &path, Some(spec(2000))).await.status, 200);
    check(stack).await;
    until(202, submit).await;
    assert_eq!(stack.operate(Method::DELETE, &path, None).await.status, 204);
}

/// Repeats a request until it has this status: functions cache accounts for some seconds.
async fn until<F: Future<Output = live_stack::ApiResponse>>(
    status: u16,
    ask: impl Fn() -> F,
) -> live_stack::ApiResponse {
    let begun = Instant::now();
    loop {
        let answer = ask().await;
        if answer.status == status {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
