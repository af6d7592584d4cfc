//! Kinds: created, updated, listed and deleted.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sim::Stack;

fn spec() -> Value {
    json!({
        "description": "d", "schema": {"type": "object"},
        "target": {
            "type": "http", "url": "https://example.com/x", "headers": {"authorization": "s3cret"},
        },
    })
}

#[tokio::test(start_paused = true)]
async fn creates_reads_lists_and_deletes_kinds() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    let created = operator.send(Method::PUT, "/v1/kinds/user.delete", Some(spec())).await;
    assert_eq!((created.status, created.header("location")), (201, "/v1/kinds/user.delete"));
    insta::assert_json_snapshot!("kind", created.body);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let again = operator.send(Method::PUT, "/v1/kinds/user.delete", Some(spec())).await;
    assert_eq!((again.status, &again.body["created_at"]), (200, &created.body["created_at"]));
    assert_ne!(again.body["updated_at"], created.body["updated_at"]);

    let scopeless = stack.client(&stack.create_account_key(&[]).await);
    let read = scopeless.get("/v1/kinds/user.delete").await;
    assert_eq!(
        (read.status, &read.body["target"]["headers"]["authorization"]),
        (200, &json!("***"))
    );
    assert!(!read.body.to_string().contains("s3cret"));
    let names = |answer: &sim::ApiResponse| -> Vec<String> {
        answer.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| kind["name"].as_str().unwrap().into())
            .collect()
    };
    let first = scopeless.get("/v1/kinds?limit=1").await;
    assert_eq!(names(&first), ["echo"]);
    let next = first.body["next_cursor"].as_str().unwrap();
    let second = scopeless.get(&format!("/v1/kinds?cursor={next}")).await;
    assert_eq!(
        (names(&second), &second.body["next_cursor"]),
        (vec!["user.delete".to_owned()], &Value::Null)
    );

    assert_eq!(operator.send(Method::DELETE, "/v1/kinds/user.delete", None).await.status, 204);
    assert_eq!(operator.send(Method::DELETE, "/v1/kinds/user.delete", None).await.status, 404);
    assert_eq!(operator.get("/v1/kinds/user.delete").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn reports_all_violations() {
    let stack = Stack::new().await;
    let mut shown = Vec::new();
    for bad in [
        json!({}),
        json!({"schema": {}, "target": {"type": "ftp"}}),
        json!({
            "schema": {}, "target": {"type": "http"}, "discipline": "fifo",
            "retry": {"max_attempts": 0, "more": 1},
        }),
        json!({
            "schema": {"type": "thing"},
            "target": {"type": "http", "url": "gopher://x", "headers": {"host": "x"}},
            "timeout_seconds": 11,
        }),
        json!({
            "schema": {"$ref": "https://example.com/s"}, "target": {"type": "echo", "url": "x"},
            "retention_seconds": 59,
        }),
        json!({"schema": {"properties": {"a": {"pattern": "(?=x)"}}}, "target": {"type": "echo"}}),
        json!({"schema": 7, "target": "echo"}),
        json!({"schema": {}, "target": {"type": "echo"}, "retry": {"max_attempts": 3.0}}),
    ] {
        let answer = stack.operator().send(Method::PUT, "/v1/kinds/bad", Some(bad.clone())).await;
        assert_eq!(answer.status, 422, "{bad}");
        shown.push(json!({"spec": bad, "errors": answer.body["errors"]}));
    }
    insta::assert_json_snapshot!(shown);
    assert_eq!(stack.operator().get("/v1/kinds/bad").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn kind_with_waiting_jobs_is_not_deleted() {
    let stack = Stack::new().await;
    let operator = stack.operator();
    stack.tenant().submit("echo", json!(1)).await;
    let refused = operator.send(Method::DELETE, "/v1/kinds/echo", None).await;
    assert_eq!((refused.status, refused.problem_type()), (409, "kind-in-use"));
    stack.run_worker(Duration::from_secs(60)).await;
    assert_eq!(operator.send(Method::DELETE, "/v1/kinds/echo", None).await.status, 204);
}

#[tokio::test(start_paused = true)]
async fn new_schema_applies_in_all_processes_within_seconds() {
    let stack = Stack::new().await;
    let (tenant, far) = (stack.tenant(), stack.tenant());
    assert_eq!(far.submit("echo", json!("x")).await.status, 202);
    stack.define("echo", json!({"schema": {"type": "integer"}, "target": {"type": "echo"}})).await;
    assert_eq!(tenant.submit("echo", json!("x")).await.status, 422);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(far.submit("echo", json!("x")).await.status, 422);
}
