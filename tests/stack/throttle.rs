//! DynamoDB under throttling: batches of which it does a part, and partitions that take no more.

use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use sim::{Fault, Plan, Stack};
use std::time::Duration;

/// A batch of calls in which each of the first `most` calls of an operation is done in part.
fn partly(operation: &'static str, most: u64) -> Plan {
    let mask = |nth: u64| if nth.is_multiple_of(2) { 0b01 } else { 0b10 };
    Plan::new(move |name, nth| match name == operation && nth <= most {
        true => Fault::Partial(mask(nth)),
        false => Fault::None,
    })
}

/// A batch of ten echoes; the status of each.
async fn batch_of_ten(stack: &Stack) -> (u16, Vec<Value>) {
    let jobs: Vec<_> = (0..10).map(|n| json!({"kind": "echo", "payload": n})).collect();
    let answer =
        stack.tenant().send(Method::POST, "/v1/jobs/batch", Some(json!({"jobs": jobs}))).await;
    let items = answer.body["items"].as_array().cloned().unwrap_or_default();
    (answer.status, items.iter().map(|item| item["status"].clone()).collect())
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_left_unprocessed_are_read_again() {
    let stack = Stack::new().await;
    stack.aws.inject(partly("BatchGetItem", 1));
    assert_eq!(stack.tenant().submit("echo", json!(1)).await.status, 202);
    assert_eq!(stack.aws.heal(), 1);
    assert_eq!(stack.aws.ledger().count("BatchGetItem"), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_that_stay_unprocessed_are_a_503_in_time() {
    let stack = Stack::new().await;
    stack.aws.plant(|operation, request| {
        let left = json!({"Responses": {}, "UnprocessedKeys": request["RequestItems"]});
        (operation == "BatchGetItem").then_some(left)
    });
    let begun = stack.now();
    let answer = stack.tenant().submit("echo", json!(1)).await;
    assert_eq!(
        (answer.status, answer.slug(), answer.header("retry-after")),
        (503, "unavailable", "1")
    );
    let took = stack.now().since(begun);
    assert!(took > Duration::from_millis(100) && took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn jobs_of_a_batch_that_are_left_unprocessed_are_put_again() {
    let stack = Stack::new().await;
    stack.aws.inject(partly("BatchWriteItem", 2));
    let (status, items) = batch_of_ten(&stack).await;
    assert_eq!((status, items), (202, vec![json!(202); 10]));
    assert_eq!(stack.aws.heal(), 2);
    assert!(stack.work(Duration::from_secs(60)).await.emptied);
    let jobs = stack.tenant().get("/v1/jobs?status=completed").await;
    assert_eq!(jobs.body["items"].as_array().map(Vec::len), Some(10));
}

#[tokio::test(start_paused = true)]
async fn jobs_of_a_batch_that_stay_unprocessed_are_not_accepted() {
    let stack = Stack::new().await;
    stack.aws.plant(|operation, request| {
        let left = json!({"UnprocessedItems": request["RequestItems"]});
        (operation == "BatchWriteItem").then_some(left)
    });
    assert_eq!(batch_of_ten(&stack).await.0, 503);
    assert!(stack.work(Duration::from_secs(60)).await.emptied);
    assert_eq!(stack.tenant().get("/v1/jobs").await.body["items"], json!([]));
}

/// The limits of a partition, and of how many processes there are, a twenty-fifth of AWS's: 1,000
/// executions against 3,000 read and 1,000 write units a second.
const PROCESSES: usize = 40;
const READS: f64 = 120.0;
const WRITES: f64 = 40.0;

/// A process for each of many tenants; each asks for several kinds at once.
#[tokio::test(start_paused = true)]
async fn a_fleet_of_fresh_processes_fits_into_what_all_tenants_share() {
    let stack = Stack::new().await;
    for n in 0..3 {
        stack.define(&format!("kind-{n}"), json!({"schema": {}, "target": {"type": "echo"}})).await;
    }
    let mut keys = Vec::new();
    for _ in 0..PROCESSES {
        keys.push(stack.another_key(&sim::TENANT_SCOPES).await);
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
            "specversion": "1.0", "type": "tollgate.bandwidth", "source": "/app", "id": "1", "data": data,
        });
        let answer = client.send(Method::POST, "/v1/usage", Some(event)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
    });
    join_all(asked).await;
}

/// One tenant publishes more than the partition of its events takes.
#[tokio::test(start_paused = true)]
async fn a_tenant_that_heats_its_partitions_leaves_others_alone() {
    let stack = Stack::new().await;
    let other = stack.client(&stack.another_key(&sim::TENANT_SCOPES).await);
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

/// What a process knows of a kind counts on while the partition of kinds takes no more.
#[tokio::test(start_paused = true)]
async fn a_kind_that_is_known_counts_on_while_kinds_are_throttled() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    assert_eq!(tenant.submit("echo", json!(1)).await.status, 202);
    // Of all that a job takes, the kind alone is read by this call.
    stack.aws.inject(Plan::always("GetItem", Fault::Throttle));
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(tenant.submit("echo", json!(1)).await.status, 202);
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(tenant.submit("echo", json!(1)).await.status, 503);
}
