//! DynamoDB throttling: partially processed batches, and hot partitions.

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use sim::{Fault, Plan, Stack};
use std::time::Duration;

/// A plan in which the first `most` calls of a batch operation are processed only in part.
fn partial_batches(operation: &'static str, most: u64) -> Plan {
    let mask = |nth: u64| if nth.is_multiple_of(2) { 0b01 } else { 0b10 };
    Plan::new(move |name, nth| match name == operation && nth <= most {
        true => Fault::Partial(mask(nth)),
        false => Fault::None,
    })
}

/// Submits ten jobs of the kind `echo` in a batch, and returns the status of the response and of
/// each item.
async fn submit_batch_of_ten(stack: &Stack) -> (u16, Vec<Value>) {
    let jobs: Vec<_> = (0..10).map(|n| json!({"kind": "echo", "payload": n})).collect();
    let answer =
        stack.tenant().send(Method::POST, "/v1/jobs/batch", Some(json!({"jobs": jobs}))).await;
    let items = answer.body["items"].as_array().cloned().unwrap_or_default();
    (answer.status, items.iter().map(|item| item["status"].clone()).collect())
}

#[tokio::test(start_paused = true)]
async fn unprocessed_keys_are_read_again() {
    let stack = Stack::new().await;
    stack.aws.inject(partial_batches("BatchGetItem", 1));
    assert_eq!(stack.tenant().submit("echo", json!(1)).await.status, 202);
    assert_eq!(stack.aws.heal(), 1);
    assert_eq!(stack.aws.ledger().count("BatchGetItem"), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_that_stay_unprocessed_are_a_timely_503() {
    let stack = Stack::new().await;
    stack.aws.plant(|operation, request| {
        let left = json!({"Responses": {}, "UnprocessedKeys": request["RequestItems"]});
        (operation == "BatchGetItem").then_some(left)
    });
    let begun = stack.now();
    let answer = stack.tenant().submit("echo", json!(1)).await;
    assert_eq!(
        (answer.status, answer.problem_type(), answer.header("retry-after")),
        (503, "unavailable", "1")
    );
    let took = stack.now().since(begun);
    assert!(took > Duration::from_millis(100) && took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn unprocessed_jobs_of_a_batch_are_put_again() {
    let stack = Stack::new().await;
    stack.aws.inject(partial_batches("BatchWriteItem", 2));
    let (status, items) = submit_batch_of_ten(&stack).await;
    assert_eq!((status, items), (202, vec![json!(202); 10]));
    assert_eq!(stack.aws.heal(), 2);
    assert!(stack.run_worker(Duration::from_secs(60)).await.emptied);
    let jobs = stack.tenant().get("/v1/jobs?status=completed").await;
    assert_eq!(jobs.body["items"].as_array().map(Vec::len), Some(10));
}

#[tokio::test(start_paused = true)]
async fn jobs_that_stay_unprocessed_are_not_accepted() {
    let stack = Stack::new().await;
    stack.aws.plant(|operation, request| {
        let left = json!({"UnprocessedItems": request["RequestItems"]});
        (operation == "BatchWriteItem").then_some(left)
    });
    assert_eq!(submit_batch_of_ten(&stack).await.0, 503);
    assert!(stack.run_worker(Duration::from_secs(60)).await.emptied);
    assert_eq!(stack.tenant().get("/v1/jobs").await.body["items"], json!([]));
}

/// Partition limits and number of processes are 1/25 of those of AWS: 1,000 executions against
/// 3,000 read and 1,000 write units a second.
const PROCESSES: usize = 40;
const READS: f64 = 120.0;
const WRITES: f64 = 40.0;

/// One fresh process for each of many tenants, each using several kinds at once.
#[tokio::test(start_paused = true)]
async fn many_cold_starts_fit_into_shared_partitions() {
    let stack = Stack::new().await;
    for n in 0..3 {
        stack.define(&format!("kind-{n}"), json!({"schema": {}, "target": {"type": "echo"}})).await;
    }
    let mut keys = Vec::new();
    for _ in 0..PROCESSES {
        keys.push(stack.create_account_key(&sim::TENANT_SCOPES).await);
    }
    stack.aws.limit_partitions(READS, WRITES);
    let asked = keys.iter().map(async |key| {
        let client = stack.client(key);
        let jobs = (0..3).map(async |n| {
            let answer = client.submit(&format!("kind-{n}"), json!(1)).await;
            assert_eq!(answer.status, 202, "{answer:?}");
        });
        join_all(jobs).await;
        let data = json!({"service": "app", "route": "/", "type": "egress", "bytes": 7});
        let event = json!({
            "specversion": "1.0", "type": "tollgate.bandwidth", "source": "/app", "id": "1",
            "data": data,
        });
        let answer = client.send(Method::POST, "/v1/usage", Some(event)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
    });
    join_all(asked).await;
}

/// One tenant publishes more than the partition of its events can take.
#[tokio::test(start_paused = true)]
async fn hot_partition_of_a_tenant_does_not_affect_others() {
    let stack = Stack::new().await;
    let other = stack.client(&stack.create_account_key(&sim::TENANT_SCOPES).await);
    stack.aws.limit_partitions(READS, WRITES);
    let (tenant, path) =
        (stack.tenant(), format!("/v1/accounts/{}/events", stack.tenant_account()));
    let flood = (0..400)
        .map(async |n| tenant.send(Method::POST, &path, Some(json!({"data": n}))).await.status);
    let neighbour = async {
        for n in 0..20 {
            let answer = other.submit("echo", json!(n)).await;
            assert_eq!(answer.status, 202, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let (statuses, ()) = tokio::join!(join_all(flood), neighbour);
    assert!(statuses.contains(&503), "it was not throttled");
    assert!(statuses.iter().all(|status| [202, 503].contains(status)), "{statuses:?}");
}

/// A cached kind remains valid for a while when reads of kinds are throttled.
#[tokio::test(start_paused = true)]
async fn cached_kind_is_used_while_kinds_are_throttled() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    assert_eq!(tenant.submit("echo", json!(1)).await.status, 202);
    // `GetItem` is used for the kind only; a submission reads everything else by other calls.
    stack.aws.inject(Plan::always("GetItem", Fault::Throttle));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(tenant.submit("echo", json!(1)).await.status, 202);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(tenant.submit("echo", json!(1)).await.status, 503);
}
