//! A repeated request publishes one event, whatever failed the first time.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sim::{ApiResponse, Client, Fault, Plan, Stack};

use super::Subscriber;

async fn publish(client: &Client, stack: &Stack, key: &str, data: Value) -> ApiResponse {
    let path = format!("/v1/accounts/{}/events", stack.tenant_account());
    client.with("idempotency-key", key).send(Method::POST, &path, Some(json!({"data": data}))).await
}

#[tokio::test(start_paused = true)]
async fn repeated_request_gets_the_same_response() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let first = publish(&tenant, &stack, "a", json!({"x": 1, "y": 2})).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (202, ""));
    for pause in [0, 1, 20, 3600] {
        tokio::time::sleep(Duration::from_secs(pause)).await;
        let again = publish(&tenant, &stack, "\"a\"", json!({"y": 2, "x": 1})).await;
        assert_eq!(
            (again.status, again.header("idempotency-replayed"), again.id()),
            (202, "true", first.id())
        );
    }
    assert_eq!(
        publish(&tenant, &stack, "a", json!(3)).await.problem_type(),
        "idempotency-key-reused"
    );
    // An idempotency key used for an event and for a job: the second request is refused, in either
    // order.
    let job = tenant.with("idempotency-key", "a").submit("echo", json!(1)).await;
    assert_eq!((job.status, job.problem_type()), (422, "idempotency-key-reused"));
    tenant.with("idempotency-key", "b").submit("echo", json!(1)).await;
    assert_eq!(
        publish(&tenant, &stack, "b", json!(1)).await.problem_type(),
        "idempotency-key-reused"
    );
    let mut subscriber = Subscriber::default();
    subscriber.read_all(&tenant).await;
    assert_eq!(subscriber.data(), [json!({"x": 1, "y": 2})]);
}

/// Each write fails before or after its effect, more often than the SDK retries, and the client
/// repeats at its own pace. A subscriber that reads throughout gets one event, and so does one that
/// reads later.
#[tokio::test(start_paused = true)]
async fn repeats_after_any_fault_publish_one_event() {
    for nth in [1, 2] {
        for fault in [
            Fault::Before,
            Fault::After,
            Fault::Throttle,
            Fault::Delay(Duration::from_millis(1900)),
        ] {
            for pause in [1, 16, 40] {
                let stack = Stack::new().await;
                let (tenant, case) = (stack.tenant(), format!("{nth} {fault:?} {pause}"));
                stack.aws.inject(Plan::new(move |operation, n| {
                    if operation == "PutItem" && (nth..nth + 3).contains(&n) {
                        fault
                    } else {
                        Fault::None
                    }
                }));
                let mut present = Subscriber::default();
                let mut answer = publish(&tenant, &stack, "a", json!(1)).await;
                let mut tries = 1;
                while answer.status != 202 {
                    assert!([503, 409].contains(&answer.status), "{case}: {answer:?}");
                    assert_eq!(answer.header("retry-after"), "1", "{case}");
                    for _ in 0..pause {
                        tokio::time::sleep(Duration::from_secs(1)).await;
                        present.read(&tenant, "").await;
                    }
                    answer = publish(&tenant, &stack, "a", json!(1)).await;
                    tries += 1;
                    assert!(tries < 30, "{case}: {answer:?}");
                }
                assert!(stack.aws.heal() > 0, "{case}");
                let mut later = Subscriber::default();
                for subscriber in [&mut present, &mut later] {
                    subscriber.read_all(&tenant).await;
                    assert_eq!(subscriber.received.len(), 1, "{case}");
                    assert_eq!(subscriber.received[0]["id"], answer.id(), "{case}");
                }
            }
        }
    }
}

/// Without an idempotency key, the event exists exactly if the response was 202.
#[tokio::test(start_paused = true)]
async fn accepted_events_exist_and_slow_writes_are_refused() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    stack.aws.inject(Plan::always("PutItem", Fault::Delay(Duration::from_millis(1950))));
    assert_eq!(super::publish(&tenant, account, json!("slow")).await.status, 503);
    stack.aws.inject(Plan::always("PutItem", Fault::Before));
    assert_eq!(super::publish(&tenant, account, json!("lost")).await.status, 503);
    stack.aws.heal();
    assert_eq!(super::publish(&tenant, account, json!("good")).await.status, 202);
    let mut subscriber = Subscriber::default();
    subscriber.read_all(&tenant).await;
    assert_eq!(subscriber.data(), [json!("good")]);
}
