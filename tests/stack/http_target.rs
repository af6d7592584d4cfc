//! The `http` target over real sockets, in real time: requests sent, and how responses are handled.

use std::time::Duration;

use axum::response::IntoResponse;
use http::StatusCode;
use serde_json::{Value, json};
use sim::Stack;

use crate::target::{Target, empty_response};

const TIMEOUT: Duration = Duration::from_secs(20);

/// Runs one job at a target, and returns the finished job and its attempts.
async fn run(stack: &Stack, target: &Target, more: Value) -> (Value, Vec<Value>) {
    let mut spec = json!({
        "schema": {},
        "target": {"type": "http", "url": target.url, "headers": {"x-team": "a"}},
        "retry": {"max_attempts": 3, "initial_seconds": 0},
    });
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    stack.define("hook", spec).await;
    let tenant = stack.tenant();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let id =
        tenant.with("traceparent", trace).submit("hook", json!({"id": 7})).await.id().to_owned();
    assert!(stack.run_worker(TIMEOUT).await.emptied, "{}", tenant.job(&id).await.body);
    let attempts = tenant.get(&format!("/v1/jobs/{id}/attempts")).await.body["items"]
        .as_array()
        .unwrap()
        .clone();
    (tenant.job(&id).await.body, attempts)
}

/// A job can be traced to its target even if the client sends no `traceparent`.
#[tokio::test]
async fn sends_the_x_ray_trace_without_traceparent() {
    let stack = Stack::new().await;
    let target = Target::start(|_| StatusCode::NO_CONTENT.into_response()).await;
    stack
        .define("hook", json!({"schema": {}, "target": {"type": "http", "url": target.url}}))
        .await;
    let xray = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
    stack.tenant().with("x-amzn-trace-id", xray).submit("hook", json!(7)).await;
    assert!(stack.run_worker(TIMEOUT).await.emptied);
    let trace = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
    assert_eq!(target.requests()[0].0["traceparent"], trace);
}

#[tokio::test]
async fn sends_signed_payload_and_stores_the_response() {
    let stack = Stack::new().await;
    let target =
        Target::start(|_| (StatusCode::CREATED, r#"{"done": 1.50}"#).into_response()).await;
    let (job, _) = run(&stack, &target, json!({})).await;
    assert_eq!((&job["status"], &job["result"]), (&json!("completed"), &json!({"done": 1.5})));

    let (headers, body) = &target.requests()[0];
    assert_eq!(&body[..], br#"{"id":7}"#);
    let field = |name: &str| headers[name].to_str().unwrap().to_owned();
    assert_eq!(field("webhook-id"), job["id"].as_str().unwrap());
    assert_eq!(
        (field("tollgate-attempt"), field("x-team"), field("content-type")),
        ("1".into(), "a".into(), "application/json".into())
    );
    assert_eq!(field("traceparent"), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let account =
        stack.accounts().get_cached(stack.tenant_account(), stack.now()).await.unwrap().unwrap();
    let webhook =
        standardwebhooks::Webhook::new(account.webhook_secrets.all()[0].secret.reveal()).unwrap();
    let expected = webhook
        .sign(&field("webhook-id"), field("webhook-timestamp").parse().unwrap(), body)
        .unwrap();
    assert_eq!(field("webhook-signature"), expected);
}

#[tokio::test]
async fn two_failures_and_a_success_take_three_attempts() {
    let stack = Stack::new().await;
    let target =
        Target::start(|nth| if nth < 3 { empty_response(503) } else { "\"ok\"".into_response() })
            .await;
    let (job, attempts) = run(&stack, &target, json!({})).await;
    assert_eq!(
        (&job["status"], &job["attempts"], &job["result"], &job["error"]),
        (&json!("completed"), &json!(3), &json!("ok"), &Value::Null)
    );
    let seen: Vec<_> = attempts
        .iter()
        .map(|a| (a["number"].clone(), a["outcome"].clone(), a["http_status"].clone()))
        .collect();
    assert_eq!(
        json!(seen),
        json!([[1, "retried", 503], [2, "retried", 503], [3, "completed", null]])
    );
    let numbers: Vec<_> =
        target.requests().iter().map(|(headers, _)| headers["tollgate-attempt"].clone()).collect();
    assert_eq!(numbers, ["1", "2", "3"]);
}

#[tokio::test]
async fn fails_after_the_last_attempt() {
    let stack = Stack::new().await;
    let target = Target::start(|_| empty_response(500)).await;
    let (job, attempts) = run(&stack, &target, json!({})).await;
    assert_eq!(
        (&job["status"], &job["attempts"], &job["error"]["code"]),
        (&json!("failed"), &json!(3), &json!("target-status"))
    );
    assert_eq!(job["error"]["message"], "the target returned 500");
    assert_eq!((attempts.len(), &attempts[2]["outcome"]), (3, &json!("failed")));
}

#[tokio::test]
async fn client_errors_and_redirects_fail_without_retry() {
    for code in [400, 404, 422, 302] {
        let stack = Stack::new().await;
        let target = Target::start(move |_| {
            (StatusCode::from_u16(code).unwrap(), [("location", "/other")]).into_response()
        })
        .await;
        let (job, attempts) = run(&stack, &target, json!({})).await;
        assert_eq!(
            (&job["status"], &job["attempts"], &job["error"]["code"]),
            (&json!("failed"), &json!(1), &json!("target-status")),
            "{code}"
        );
        assert_eq!(
            (attempts[0]["http_status"].as_u64(), target.requests().len()),
            (Some(code.into()), 1)
        );
    }
}

#[tokio::test]
async fn status_410_disables_the_kind_until_it_is_put_again() {
    let stack = Stack::new().await;
    let target = Target::start(|nth| empty_response(if nth == 1 { 410 } else { 204 })).await;
    let (job, _) = run(&stack, &target, json!({})).await;
    assert_eq!((&job["status"], &job["attempts"]), (&json!("failed"), &json!(1)));
    let refused = stack.tenant().submit("hook", json!(1)).await;
    assert_eq!((refused.status, &refused.body["errors"][0]["pointer"]), (422, &json!("/kind")));
    assert_eq!(stack.tenant().get("/v1/kinds/hook").await.body["disabled"], true);
    let (job, _) = run(&stack, &target, json!({})).await;
    assert_eq!((&job["status"], &job["result"]), (&json!("completed"), &Value::Null));
}

#[tokio::test]
async fn hanging_target_is_cut_off_at_the_timeout() {
    let stack = Stack::new().await;
    // The listener never accepts: connecting succeeds, but no response comes.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target::at(format!("http://{}/", listener.local_addr().unwrap()));
    let start = stack.now();
    let (job, _) =
        run(&stack, &target, json!({"timeout_seconds": 1, "retry": {"max_attempts": 1}})).await;
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("failed"), &json!("target-timeout"))
    );
    let took = stack.now().since(start);
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn unreachable_target_is_retried() {
    let stack = Stack::new().await;
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let target = Target::at(format!("http://{closed}/"));
    let (job, _) =
        run(&stack, &target, json!({"retry": {"max_attempts": 2, "initial_seconds": 0}})).await;
    assert_eq!(
        (&job["status"], &job["attempts"], &job["error"]["code"]),
        (&json!("failed"), &json!(2), &json!("target-unreachable"))
    );
}

#[tokio::test]
async fn retry_after_is_honored() {
    let stack = Stack::new().await;
    let busy = || (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "2")]).into_response();
    let target =
        Target::start(move |nth| if nth == 1 { busy() } else { empty_response(200) }).await;
    let start = stack.now();
    let (job, _) = run(&stack, &target, json!({})).await;
    assert_eq!((&job["status"], &job["attempts"]), (&json!("completed"), &json!(2)));
    assert!(stack.now().since(start) >= Duration::from_secs(2));
}

#[tokio::test]
async fn stores_non_json_results_and_refuses_too_large_ones() {
    for (answer, status, result) in [
        ("plain \"text\"".to_owned(), "completed", json!("plain \"text\"")),
        (String::new(), "completed", Value::Null),
        ("x".repeat(64 * 1024 + 1), "failed", Value::Null),
    ] {
        let stack = Stack::new().await;
        let target = Target::start(move |_| answer.clone().into_response()).await;
        let (job, _) = run(&stack, &target, json!({})).await;
        assert_eq!((&job["status"], &job["result"]), (&json!(status), &result));
        assert!(status == "completed" || job["error"]["code"] == "result-too-large");
    }
}
