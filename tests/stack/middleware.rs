//! The middleware in front of every handler: the order of its checks, and its error responses.

use http::Method;
use serde_json::json;
use sim::Stack;

const JSON: Option<&str> = Some("application/json");

/// A request that violates every rule gets the error of the first check; fixing it reveals the
/// next.
#[tokio::test(start_paused = true)]
async fn checks_run_in_the_documented_order() {
    let stack = Stack::new().await;
    let large = vec![b'{'; 256 * 1024 + 1];
    let (keyless, reader) = (stack.client(""), stack.client(&stack.create_account_key(&[]).await));
    let tenant = stack.tenant();

    let rungs = [
        keyless.send_raw(Method::POST, "/v1/nothing", None, large.clone()).await,
        keyless.send_raw(Method::PUT, "/v1/jobs", None, large.clone()).await,
        keyless.send_raw(Method::POST, "/v1/jobs", None, large.clone()).await,
        reader.send_raw(Method::POST, "/v1/jobs", None, large.clone()).await,
        tenant.send_raw(Method::POST, "/v1/jobs", None, large).await,
        tenant.send_raw(Method::POST, "/v1/jobs", None, b"{".to_vec()).await,
        tenant.send_raw(Method::POST, "/v1/jobs", JSON, b"{\"kind\": 1,\n oops".to_vec()).await,
        tenant.send_raw(Method::POST, "/v1/jobs", JSON, b"{\"kind\": 1}".to_vec()).await,
    ];
    let shown: Vec<_> =
        rungs.iter().map(|answer| format!("{} {}", answer.status, answer.problem_type())).collect();
    insta::assert_snapshot!(shown.join("\n"), @"
    404 not-found
    405 method-not-allowed
    401 unauthenticated
    403 missing-scope
    413 payload-too-large
    415 unsupported-media-type
    400 malformed-json
    422 invalid-body
    ");
    for answer in &rungs {
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_eq!(answer.body["request_id"], answer.header("x-request-id"));
    }
    assert_eq!(rungs[1].header("allow"), "GET, HEAD, POST");
    assert_eq!(rungs[2].header("www-authenticate"), "Bearer");
    assert_eq!(rungs[6].body["detail"], "Line 2, column 2: key must be a string.");
}

#[tokio::test(start_paused = true)]
async fn lists_every_violation_with_its_pointer() {
    let stack = Stack::new().await;
    let schema = json!({
        "type": "object", "required": ["id"], "additionalProperties": false,
        "properties": {
            "id": {"type": "integer", "minimum": 1},
            "tags": {"type": "array", "items": {"type": "string"}},
        },
    });
    stack.define("strict", json!({"schema": schema, "target": {"type": "echo"}})).await;
    let tenant = stack.tenant();

    let envelope = json!({"kind": "No Name", "priority": 10, "metadata": {"a": 1}, "delay": 3});
    let answer = tenant.send(Method::POST, "/v1/jobs", Some(envelope)).await;
    assert_eq!(answer.status, 422);
    insta::assert_json_snapshot!("envelope", answer.body["errors"]);

    let answer = tenant.submit("strict", json!({"id": 0, "tags": ["a", 2, null], "x/y": 1})).await;
    assert_eq!(answer.status, 422);
    insta::assert_json_snapshot!("payload", answer.body["errors"]);

    let answer = tenant.submit("nothing-like-it", json!({})).await;
    assert_eq!((answer.status, &answer.body["errors"][0]["pointer"]), (422, &json!("/kind")));
}

#[tokio::test(start_paused = true)]
async fn accepts_keys_with_and_without_bearer() {
    let stack = Stack::new().await;
    let key = stack.create_account_key(&[model::account::Scope::JobsRead]).await;
    let plain = stack.client("");
    for authorization in [format!("Bearer {key}"), format!("bearer  {key}"), key.clone()] {
        let answer = plain.with("authorization", &authorization).get("/v1/jobs").await;
        assert_eq!(answer.status, 200, "{authorization}");
    }
    let last = if key.ends_with('0') { '1' } else { '0' };
    let other = format!("{}{last}", &key[..key.len() - 1]);
    for authorization in
        [format!("Basic {key}"), other, "tg_".into(), "Bearer".into(), format!("{key} {key}")]
    {
        let answer = plain.with("authorization", &authorization).get("/v1/jobs").await;
        assert_eq!(
            (answer.status, answer.problem_type()),
            (401, "unauthenticated"),
            "{authorization}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_parameters_and_ids_are_named() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let mut shown = Vec::new();
    for path in [
        "/v1/jobs?limit=0",
        "/v1/jobs?limit=101",
        "/v1/jobs?status=done",
        "/v1/jobs?kind=%20",
        "/v1/jobs?stauts=failed",
        "/v1/jobs?status=failed&status=queued",
        "/v1/jobs?cursor=AAAA",
        "/v1/jobs/job_123",
        "/v1/kinds/NO",
        "/v1/jobs?account=x",
    ] {
        let answer = tenant.get(path).await;
        shown.push(format!("{path}: {} {}", answer.status, answer.body["detail"]));
    }
    insta::assert_snapshot!(shown.join("\n"));
    let answer = tenant.with("idempotency-key", "a b").submit("echo", json!(1)).await;
    assert_eq!((answer.status, answer.problem_type()), (400, "invalid-parameter"));
}

#[tokio::test(start_paused = true)]
async fn heartbeat_needs_no_key() {
    let stack = Stack::new().await;
    let answer = stack.client("").get("/heartbeat").await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("ok")));
}

/// Duplicate members are refused: the target might use the first of two where validation used the
/// last.
#[tokio::test(start_paused = true)]
async fn duplicate_json_member_is_refused() {
    let stack = Stack::new().await;
    for body in [
        r#"{"kind":"echo","payload":{"id":"x","id":7}}"#,
        r#"{"kind":"no","kind":"echo","payload":1}"#,
    ] {
        let answer = stack.tenant().send_raw(Method::POST, "/v1/jobs", JSON, body.into()).await;
        assert_eq!((answer.status, answer.problem_type()), (400, "malformed-json"), "{body}");
        assert!(answer.body["detail"].as_str().unwrap().contains("duplicate member"), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn commands_accept_no_query_parameters() {
    let stack = Stack::new().await;
    let body = json!({"kind": "echo", "payload": 1});
    let answer = stack.tenant().send(Method::POST, "/v1/jobs?account=x", Some(body)).await;
    assert_eq!((answer.status, answer.problem_type()), (400, "invalid-parameter"));
}
