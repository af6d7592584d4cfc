//! The functions in containers, run by `sam local`, on a stack whose table and queues are in the
//! emulator.
//!
//! `python3 -m infra.local sam-local -- cargo test --workspace --features tests/e2e --test
//! sam_local` starts what the tests need, and so does `make test-all` if a Docker engine is
//! available.

use std::{path::Path, process::Command};

use live_stack::{JOB_TIMEOUT, stack};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn completes_a_job_submitted_through_sam_local() {
    let stack = stack();
    let id = stack.submit("echo", json!({"in": "a container"})).await;
    let job = stack.outcome(&id, JOB_TIMEOUT).await;
    assert_eq!(
        (&job["status"], &job["result"]),
        (&json!("completed"), &json!({"in": "a container"}))
    );
}

#[tokio::test]
async fn returns_problems_through_sam_local() {
    let stack = stack();
    let answer = stack.send(Method::POST, "/v1/jobs", &[], Some(json!({"kind": "Echo"}))).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let answer = stack.send_as("tg_unknown", Method::GET, "/v1/jobs", &[], None).await;
    assert_eq!(answer.status, 401, "{answer:?}");
    let answer = stack.send(Method::GET, "/nowhere", &[], None).await;
    assert_eq!(answer.status, 404, "{answer:?}");
}

/// Pages have their own routes and arrive compressed, which an event carries as Base64.
#[tokio::test]
async fn serves_pages_through_sam_local() {
    let stack = stack();
    let page = stack.send_as("", Method::GET, "/docs", &[], None).await;
    assert_eq!((page.status, &page.headers["content-type"]), (200, &"text/html".parse().unwrap()));
    assert!(page.headers.contains_key("content-security-policy"));
    let description = stack.send_as("", Method::GET, "/openapi.json", &[], None).await;
    assert_eq!((description.status, &description.body["openapi"]), (200, &json!("3.1.0")));
    let missing = stack.send_as("", Method::GET, "/console/nothing.js", &[], None).await;
    assert!(
        missing.status == 404 && missing.headers.contains_key("content-security-policy"),
        "{missing:?}"
    );
    let head = stack.send_as("", Method::HEAD, "/", &[], None).await;
    assert_eq!(head.status, 200, "{head:?}");
}

/// The event has a message for an unknown job, whose row may still be written, and an invalid
/// message.
#[tokio::test]
async fn worker_reports_batch_item_failures() {
    let answer = invoke("queue-worker");
    let back =
        json!({"batchItemFailures": [{"itemIdentifier": "059f36b4-87a3-44ab-83d2-661975830a7d"}]});
    assert_eq!(answer, back);
}

#[tokio::test]
async fn quota_check_runs() {
    assert_eq!(invoke("quota-check"), Value::Null);
}

/// Response of a function to the event in its `fixtures/`.
fn invoke(function: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python)
        .args(["-m", "infra.local", "invoke", function])
        .current_dir(root)
        .output()
        .unwrap();
    let (said, told) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    let answer =
        serde_json::from_str::<Value>(said.trim()).unwrap_or_else(|_| panic!("{said}\n{told}"));
    assert_eq!(answer.get("errorType"), None, "{answer}\n{told}");
    answer
}
