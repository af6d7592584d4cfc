//! Quotas: created, read and deleted.

mod cost;
mod enforced;
mod evaluation;
mod killed_checks;
mod mails;
mod period_end;
mod slow_responses;
mod unreadable_state;

use std::time::Duration;

use http::Method;
use model::account::{ApiKey, Scope};
use serde_json::{Value, json};
use sim::{ApiResponse, Fault, Plan, Stack};

const SECOND: Duration = Duration::from_secs(1);
const DAILY: &str = "/v1/quotas/daily";

/// A quota of the tenant: 1,000 bytes of egress a day, overridden by `others`.
fn spec(stack: &Stack, others: Value) -> Value {
    let mut spec = json!({
        "limit_bytes": 1000, "type": "egress", "account": stack.tenant_account(), "period": "day",
        "recipients": ["ops@example.com"],
    });
    spec.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    spec
}

async fn put(stack: &Stack, others: Value) -> ApiResponse {
    stack.operator().send(Method::PUT, DAILY, Some(spec(stack, others))).await
}

#[tokio::test(start_paused = true)]
async fn creates_reads_and_deletes_quotas() {
    let stack = Stack::new().await;
    let whole = json!({
        "service": "shop", "route": "list", "period": "month", "timezone": "Europe/Berlin",
        "thresholds": [50, 100], "enforce": true,
    });
    let created = put(&stack, whole).await;
    assert_eq!((created.status, created.header("location")), (201, DAILY));
    insta::assert_json_snapshot!("quota", created.body, {".account" => "[account]"});
    assert_eq!(stack.operator().get(DAILY).await.body, created.body);

    tokio::time::sleep(SECOND).await;
    let changed = put(&stack, json!({"limit_bytes": 2000})).await;
    assert_eq!((changed.status, &changed.body["created_at"]), (200, &created.body["created_at"]));
    assert_eq!(changed.body["thresholds"], json!([80, 90, 100]));

    assert_eq!(stack.operator().send(Method::DELETE, DAILY, None).await.status, 204);
    assert_eq!(stack.operator().send(Method::DELETE, DAILY, None).await.status, 404);
    assert_eq!(stack.operator().get(DAILY).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn tenant_lists_own_quotas_and_operator_lists_all() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    let stranger_key = stack.create_account_key(&[Scope::UsageRead]).await;
    let stranger = stack.client(&stranger_key);
    let strangers = stranger_key.parse::<ApiKey>().unwrap().account;
    for (name, account) in
        [("a", json!(strangers)), ("b", Value::Null), ("daily", json!(stack.tenant_account()))]
    {
        let body = spec(&stack, json!({"account": account}));
        assert_eq!(
            operator.send(Method::PUT, &format!("/v1/quotas/{name}"), Some(body)).await.status,
            201
        );
    }
    let names = async |client: &sim::Client, path: &str| {
        let page = client.get(path).await;
        assert_eq!(page.status, 200, "{page:?}");
        let items = page.body["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(names(&operator, "/v1/quotas").await, "a b daily");
    assert_eq!(names(&stranger, "/v1/quotas").await, "a");
    assert_eq!(names(&stack.tenant(), "/v1/quotas").await, "daily");
    assert_eq!(names(&operator, &format!("/v1/quotas?account={strangers}")).await, "a");
    let first = operator.get("/v1/quotas?limit=2").await;
    let next = first.body["next_cursor"].as_str().unwrap();
    assert_eq!(names(&operator, &format!("/v1/quotas?cursor={next}")).await, "daily");
    assert_eq!(stack.tenant().get("/v1/quotas/a").await.status, 404);
    assert_eq!(
        stranger.get(&format!("/v1/quotas?account={}", stack.tenant_account())).await.status,
        403
    );
}

/// Recipients, and errors from SES, are shown only to the operator.
#[tokio::test(start_paused = true)]
async fn tenant_sees_no_mail_addresses() {
    let stack = Stack::new().await;
    stack.aws.refuse_mails_to("ops@example.com", true);
    put(&stack, json!({})).await;
    evaluation::report_total(&stack, 900).await;
    stack.check().await.unwrap();
    let (own, whole) =
        (stack.tenant().get(DAILY).await.body, stack.operator().get(DAILY).await.body);
    let listed = stack.tenant().get("/v1/quotas").await.body["items"][0].clone();
    assert_eq!(own, listed);
    for body in [own.to_string(), listed.to_string()] {
        assert!(!body.contains("ops@example.com") && !body.contains("SES"), "{body}");
    }
    assert_eq!((&own["used"], &own["alerts"][1]["threshold"]), (&json!(900), &json!(90)));
    assert_eq!(whole["recipients"], json!(["ops@example.com"]));
    let why = whole["alerts"][1]["mail_error"].as_str().unwrap();
    assert!(why.starts_with("ops@example.com: SES rejected the mail"), "{why}");
}

#[tokio::test(start_paused = true)]
async fn reports_all_violations() {
    let stack = Stack::new().await;
    let mut shown = Vec::new();
    for bad in [
        json!({
            "limit_bytes": 0, "type": "both", "period": "week", "recipients": [], "thresholds": [],
        }),
        json!({"limit_bytes": 9_007_199_254_740_992u64, "thresholds": [0, 1001], "name": "x"}),
        json!({"limit_bytes": 1.5, "service": "x".repeat(129)}),
        json!({"recipients": ["nobody", "a@example.com\r\nBcc: b@example.com"]}),
        json!({"recipients": ["a@b"]}),
        json!({
            "recipients": ["a@example.com", "a@example.com"], "thresholds": [80, 80],
            "timezone": "CEST",
        }),
        json!({"account": "acc_01kagzwy00e40r2081040g2081"}),
        json!({"account": null, "enforce": true}),
    ] {
        let answer = put(&stack, bad.clone()).await;
        assert_eq!(answer.status, 422, "{bad}");
        shown.push(answer.body["errors"].clone());
    }
    insta::assert_json_snapshot!("reports_all_violations", shown);
    assert_eq!(stack.operator().get(DAILY).await.status, 404);
}

/// Each call of a PUT and of a DELETE fails in each way. A repeat completes the request.
#[tokio::test(start_paused = true)]
async fn repeat_after_an_outage_completes_the_request() {
    for fault in [Fault::Before, Fault::After, Fault::Throttle, Fault::Twice] {
        for operation in ["UpdateItem", "PutItem", "DeleteItem"] {
            let stack = Stack::new().await;
            let broken = Plan::always(operation, fault);
            stack.aws.inject(broken.clone());
            let answer = put(&stack, json!({})).await;
            assert!([200, 201, 503].contains(&answer.status), "{operation} {fault:?}: {answer:?}");
            stack.aws.heal();
            assert!(
                [200, 201].contains(&put(&stack, json!({})).await.status),
                "{operation} {fault:?}"
            );
            let listed = stack.tenant().get("/v1/quotas").await;
            assert_eq!(listed.body["items"][0]["name"], "daily", "{operation} {fault:?}");

            stack.aws.inject(broken);
            let answer = stack.operator().send(Method::DELETE, DAILY, None).await;
            assert!([204, 503].contains(&answer.status), "{operation} {fault:?}: {answer:?}");
            stack.aws.heal();
            let again = stack.operator().send(Method::DELETE, DAILY, None).await;
            assert!([204, 404].contains(&again.status), "{operation} {fault:?}: {again:?}");
            assert_eq!(
                stack.tenant().get("/v1/quotas").await.body["items"],
                json!([]),
                "{operation} {fault:?}"
            );
        }
    }
}
