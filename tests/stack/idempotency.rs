//! A repeated request creates no second job, whatever failed the first time.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sim::{Client, Fault, JOBS, Plan, Stack};

const MINUTE: Duration = Duration::from_secs(60);

async fn submit(client: &Client, key: &str, payload: Value) -> sim::ApiResponse {
    client.with("idempotency-key", key).submit("echo", payload).await
}

#[tokio::test(start_paused = true)]
async fn repeated_request_gets_the_same_response() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let first = submit(&tenant, "a", json!({"x": 1, "y": 2})).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (202, ""));
    stack.run_worker(MINUTE).await;

    let body = json!({"payload": {"y": 2, "x": 1}, "kind": "echo"});
    let again =
        tenant.with("idempotency-key", "\"a\"").send(Method::POST, "/v1/jobs", Some(body)).await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (202, "true"));
    assert_eq!((&again.body, again.header("location")), (&first.body, first.header("location")));

    let other = submit(&tenant, "a", json!({"x": 1, "y": 3})).await;
    assert_eq!((other.status, other.problem_type()), (422, "idempotency-key-reused"));
    let stranger =
        stack.client(&stack.create_account_key(&[model::account::Scope::JobsWrite]).await);
    assert_ne!(submit(&stranger, "a", json!(1)).await.id(), first.id());
    assert_ne!(submit(&tenant, "b", json!({"x": 1, "y": 2})).await.id(), first.id());
}

/// Requests that differ only in digits beyond a float's precision are different requests.
#[tokio::test(start_paused = true)]
async fn decimals_are_compared_exactly() {
    let stack = Stack::new().await;
    let tenant = stack.tenant().with("idempotency-key", "a");
    let post = async |digits: &str| {
        let body = format!(r#"{{"kind": "echo", "payload": [{digits}]}}"#);
        tenant.send_raw(Method::POST, "/v1/jobs", Some("application/json"), body.into()).await
    };
    let first = post("1234567890.12345678901").await;
    assert_eq!(first.status, 202);
    assert_eq!(post("1234567890.12345678901").await.id(), first.id());
    assert_eq!(post("1234567890.12345678902").await.problem_type(), "idempotency-key-reused");
}

#[tokio::test(start_paused = true)]
async fn key_is_valid_for_24_hours_with_shorter_job_retention() {
    let stack = Stack::new().await;
    let tenant = stack.tenant().with("idempotency-key", "a");
    stack
        .define("brief", json!({"schema": {}, "target": {"type": "echo"}, "retention_seconds": 60}))
        .await;
    let first = tenant.submit("brief", json!(1)).await;
    stack.run_worker(MINUTE).await;
    tokio::time::sleep(Duration::from_secs(23 * 3600)).await;
    stack.aws.sweep_ttl();
    assert_eq!(tenant.job(first.id()).await.status, 404);
    let again = tenant.submit("brief", json!(1)).await;
    assert_eq!((again.header("idempotency-replayed"), &again.body), ("true", &first.body));
    assert!(stack.aws.messages(JOBS).is_empty(), "a finished job must not run again");

    tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    assert_ne!(tenant.submit("brief", json!(1)).await.id(), first.id());
}

/// Each write of a submission fails before or after its effect, more often than the SDK retries.
/// The client then repeats the request.
#[tokio::test(start_paused = true)]
async fn repeats_after_any_fault_create_one_job() {
    for operation in ["PutItem", "SendMessage"] {
        for nth in [1, 2] {
            for fault in [Fault::Before, Fault::After, Fault::Throttle] {
                let stack = Stack::new().await;
                let tenant = stack.tenant();
                // The SDK makes three attempts, so an outage is three failures in a row.
                stack.aws.inject(outage(operation, nth, fault));
                let mut answer = submit(&tenant, "a", json!(1)).await;
                stack.aws.heal();
                let mut tries = 1;
                while answer.status != 202 {
                    assert!(
                        [503, 409].contains(&answer.status),
                        "{operation} {nth} {fault:?}: {answer:?}"
                    );
                    assert_eq!(answer.header("retry-after"), "1");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    answer = submit(&tenant, "a", json!(1)).await;
                    tries += 1;
                    assert!(tries < 20, "{operation} {nth} {fault:?}: {answer:?}");
                }
                stack.run_worker(10 * MINUTE).await;
                let list = tenant.get("/v1/jobs").await.body;
                assert_eq!(
                    list["items"].as_array().unwrap().len(),
                    1,
                    "{operation} {nth} {fault:?}"
                );
                assert_eq!(
                    (&list["items"][0]["id"], &list["items"][0]["status"]),
                    (&answer.body["id"], &json!("completed"))
                );
                assert_eq!(list["items"][0]["attempts"], 1, "{operation} {nth} {fault:?}");
            }
        }
    }
}

fn outage(operation: &'static str, nth: u64, fault: Fault) -> Plan {
    Plan::new(
        move |called, n| {
            if called == operation && (nth..nth + 3).contains(&n) { fault } else { Fault::None }
        },
    )
}

#[tokio::test(start_paused = true)]
async fn repeat_is_accepted_after_the_kind_changed() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let first = submit(&tenant, "a", json!("text")).await;
    stack.define("echo", json!({"schema": {"type": "integer"}, "target": {"type": "echo"}})).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let again = submit(&tenant, "a", json!("text")).await;
    assert_eq!((again.status, &again.body), (202, &first.body));
    assert_eq!(submit(&tenant, "b", json!("text")).await.status, 422);
}
