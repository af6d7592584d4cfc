//! The tasker gateway's API: clients request deletions of users and poll for their state.

use std::time::Duration;

use axum::response::IntoResponse;
use http::{Method, StatusCode};
use model::account::Scope;
use serde_json::{Value, json};
use sim::{ApiResponse, Client, Fault, Plan, Stack};

use super::{stack, token};
use crate::target::Target;

const MINUTE: Duration = Duration::from_secs(60);
const JSON: Option<&str> = Some("application/json");

async fn delete(client: &Client, body: Value) -> ApiResponse {
    client.send(Method::DELETE, "/api/user", Some(body)).await
}

async fn poll(client: &Client, token: &str) -> ApiResponse {
    client.get(&format!("/api/poll/{token}")).await
}

fn status(answer: &ApiResponse) -> &str {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body.as_object().unwrap().len(), 1, "only the status: {answer:?}");
    answer.body["status"].as_str().unwrap()
}

#[tokio::test(start_paused = true)]
async fn deletion_is_queued_runs_and_completes() {
    let stack = stack(None).await;
    let tenant = stack.tenant();
    let accepted = delete(&tenant, json!({"id": 7})).await;
    assert_eq!((accepted.status, accepted.header("content-type")), (201, "application/json"));
    let token = token(&accepted);
    assert_eq!(accepted.body, json!({"token": token}));
    assert_eq!(accepted.header("location"), format!("/api/poll/{token}"));
    assert_eq!(status(&poll(&tenant, &token).await), "Queuing");

    // The claim is the worker's first update of the job, its end the second.
    stack.aws.inject(Plan::only("UpdateItem", 2, Fault::Delay(Duration::from_secs(1))));
    let (running, _) = tokio::join!(
        async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            poll(&tenant, &token).await
        },
        stack.run_worker(MINUTE)
    );
    assert_eq!(status(&running), "Inprogress");
    assert_eq!(status(&poll(&tenant, &token).await), "Completed");
    let job = tenant.job(&token).await.body;
    assert_eq!((&job["kind"], &job["result"]), (&json!("user.delete"), &json!({"id": 7})));
}

#[tokio::test]
async fn backend_gets_the_body_and_retries_are_limited() {
    for (code, attempts, end) in [(204, 1, "Completed"), (500, 3, "Failed"), (404, 1, "Failed")] {
        let back_end =
            Target::start(move |_| StatusCode::from_u16(code).unwrap().into_response()).await;
        let stack = stack(Some(&back_end.url)).await;
        let tenant = stack.tenant();
        let body = br#"{ "id":7 }"#;
        let token = token(&tenant.send_raw(Method::DELETE, "/api/user", JSON, body.to_vec()).await);
        assert!(stack.run_worker(MINUTE).await.emptied);
        assert_eq!(status(&poll(&tenant, &token).await), end, "{code}");
        let got = back_end.requests();
        assert_eq!((got.len(), &got[0].1[..]), (attempts, &body[..]), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_deletion_is_reported_as_failed() {
    let stack = stack(None).await;
    let tenant = stack.tenant();
    let token = token(&delete(&tenant, json!({"id": 7})).await);
    assert_eq!(tenant.send(Method::DELETE, &format!("/v1/jobs/{token}"), None).await.status, 200);
    assert_eq!(status(&poll(&tenant, &token).await), "Failed");
}

#[tokio::test(start_paused = true)]
async fn refusals_are_plain_text() {
    let stack = stack(None).await;
    let (keyless, tenant) = (stack.client(""), stack.tenant());
    let reader = stack.client(&stack.create_account_key(&[Scope::JobsRead]).await);
    let writer = stack.client(&stack.create_account_key(&[Scope::JobsWrite]).await);
    let path = "/api/user";
    let raw = async |client: &Client, declared, body: &[u8]| {
        client.send_raw(Method::DELETE, path, declared, body.to_vec()).await
    };
    let answers = [
        ("no key", delete(&keyless, json!({"id": 7})).await),
        ("a key that may only read", delete(&reader, json!({"id": 7})).await),
        ("a key that may only write", poll(&writer, "job_01kagzwy00e81840g2081040g2").await),
        ("another method", tenant.send(Method::GET, path, None).await),
        ("another method", tenant.send(Method::POST, "/api/poll/x", None).await),
        ("a large body", raw(&tenant, JSON, &[b' '; 256 * 1024 + 1]).await),
        ("no content type", raw(&tenant, None, b"{\"id\":7}").await),
        ("a form", raw(&tenant, Some("application/x-www-form-urlencoded"), b"id=7").await),
        ("no body", raw(&tenant, JSON, b"").await),
        ("no JSON", raw(&tenant, JSON, b"{\"id\": 7,}").await),
        ("a member twice", raw(&tenant, JSON, b"{\"id\": 7, \"id\": 8}").await),
        ("nothing in it", delete(&tenant, json!({})).await),
        ("no object", delete(&tenant, json!(7)).await),
        ("a text", delete(&tenant, json!({"id": "7"})).await),
        ("a fraction", delete(&tenant, json!({"id": 7.5})).await),
        ("zero, and more", delete(&tenant, json!({"id": 0, "name": "x", "kind": "echo"})).await),
        (
            "a parameter",
            tenant.send(Method::DELETE, "/api/user?id=7", Some(json!({"id": 7}))).await,
        ),
        (
            "a bad idempotency key",
            delete(&tenant.with("idempotency-key", "a b"), json!({"id": 7})).await,
        ),
        ("an unknown token", poll(&tenant, "job_01kagzwy00e81840g2081040g2").await),
        ("no token", poll(&tenant, "7").await),
        ("no text", poll(&tenant, "%FF").await),
    ];
    let mut shown = String::new();
    for (what, answer) in answers {
        assert_eq!(
            answer.header("content-type"),
            "text/plain; charset=utf-8",
            "{what}: {answer:?}"
        );
        assert!(!answer.header("x-request-id").is_empty(), "{what}");
        let fields = ["allow", "www-authenticate"].map(|name| answer.header(name)).concat();
        let first = format!("# {what}: {} {fields}", answer.status);
        shown += &format!("{}\n{}\n\n", first.trim_end(), answer.body.as_str().unwrap());
    }
    insta::assert_snapshot!(shown);
    assert_eq!(tenant.get("/v1/jobs").await.body["items"], json!([]));
    // Other paths get a problem document.
    for other in ["/api", "/api/users", "/api/poll", "/api/poll/x/y"] {
        assert_eq!(
            tenant.get(other).await.header("content-type"),
            "application/problem+json",
            "{other}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn token_is_valid_only_for_its_account() {
    let stack = stack(None).await;
    let token = token(&delete(&stack.tenant(), json!({"id": 7})).await);
    let stranger = stack.client(&stack.create_account_key(&[Scope::JobsRead]).await);
    let (theirs, nobodys) = (poll(&stranger, &token).await, poll(&stranger, "never").await);
    assert_eq!((theirs.status, &theirs.body), (404, &nobodys.body));
    assert_eq!(status(&poll(&stack.tenant(), &token).await), "Queuing");
}

#[tokio::test(start_paused = true)]
async fn repeat_with_idempotency_key_deletes_once() {
    let stack = stack(None).await;
    let tenant = stack.tenant().with("idempotency-key", "a");
    let first = delete(&tenant, json!({"id": 7})).await;
    assert_eq!(first.header("idempotency-replayed"), "");
    stack.run_worker(MINUTE).await;
    let again = delete(&tenant, json!({"id": 7})).await;
    assert_eq!(
        (again.status, &again.body, again.header("idempotency-replayed")),
        (201, &first.body, "true")
    );
    let other = delete(&tenant, json!({"id": 8})).await;
    assert_eq!(other.status, 400);
    assert_eq!(other.body, "This key was used with another body or route within 24 hours.");
    // The same job by another route is a different request.
    assert_eq!(
        tenant.submit("user.delete", json!({"id": 7})).await.problem_type(),
        "idempotency-key-reused"
    );
    stack.run_worker(MINUTE).await;
    let jobs = stack.tenant().get("/v1/jobs").await.body;
    assert_eq!(
        (jobs["items"].as_array().unwrap().len(), &jobs["items"][0]["attempts"]),
        (1, &json!(1))
    );
}

#[tokio::test(start_paused = true)]
async fn outage_is_a_503_in_plain_text() {
    let stack = stack(None).await;
    let token = token(&delete(&stack.tenant(), json!({"id": 7})).await);
    for operation in ["BatchGetItem", "GetItem", "PutItem", "SendMessage"] {
        for fault in [Fault::Throttle, Fault::Delay(Duration::from_secs(3600))] {
            let tenant = stack.tenant();
            stack.aws.inject(Plan::always(operation, fault));
            let mut answers = vec![delete(&tenant, json!({"id": 7})).await];
            if operation.ends_with("GetItem") {
                answers.push(poll(&tenant, &token).await);
            }
            stack.aws.heal();
            for answer in answers {
                let told =
                    (answer.status, answer.header("content-type"), answer.header("retry-after"));
                assert_eq!(told, (503, "text/plain; charset=utf-8", "1"), "{operation} {fault:?}");
            }
        }
    }
    assert!(stack.run_worker(10 * MINUTE).await.emptied);
    assert_eq!(status(&poll(&stack.tenant(), &token).await), "Completed");
}

/// A kind that the operator removed is not the client's fault.
#[tokio::test(start_paused = true)]
async fn missing_kind_is_a_503() {
    let stack = Stack::new().await;
    let answer = delete(&stack.tenant(), json!({"id": 7})).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"), "{answer:?}");
}
