//! What a job costs, in calls and capacity units: the table of prices that the design promises.

use std::time::Duration;

use serde_json::json;
use sim::Stack;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_plain_job() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    tenant.submit("echo", json!(0)).await;
    stack.work(MINUTE).await;

    stack.aws.reset_ledger();
    let payload = json!({"id": 7, "reason": "asked for it", "note": "x".repeat(100)});
    let accepted = tenant.submit("echo", payload.clone()).await;
    insta::assert_snapshot!("submit", stack.aws.reset_ledger());
    tenant.job(accepted.id()).await;
    insta::assert_snapshot!("poll_young", stack.aws.reset_ledger());
    tokio::time::sleep(Duration::from_secs(6)).await;
    tenant.job(accepted.id()).await;
    insta::assert_snapshot!("poll", stack.aws.reset_ledger());
    tenant.with("idempotency-key", "k").submit("echo", payload).await;
    insta::assert_snapshot!("submit_idempotent", stack.aws.reset_ledger());
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_ten() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    for n in 0..10 {
        tenant.submit("echo", json!({"id": n, "note": "x".repeat(150)})).await;
    }
    stack.aws.reset_ledger();
    stack.work(MINUTE).await;
    insta::assert_snapshot!("batch_of_ten", stack.aws.reset_ledger());
}

/// No call of a job's way gets dearer when many wait: the units of one more are those of the first.
#[tokio::test(start_paused = true)]
async fn does_not_grow_with_what_waits() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let mut costs = Vec::new();
    for n in 0..=600 {
        stack.aws.reset_ledger();
        let accepted = tenant.submit("echo", json!(n)).await;
        tenant.job(accepted.id()).await;
        let ledger = stack.aws.reset_ledger();
        if [1, 10, 100, 600].contains(&n) {
            costs.push((ledger.calls(), ledger.write_units(), ledger.read_units()));
        }
    }
    assert!(costs.windows(2).all(|pair| pair[0] == pair[1]), "{costs:?}");
    stack.aws.reset_ledger();
    tenant.get("/v1/jobs?limit=20").await;
    let page = stack.aws.reset_ledger();
    assert!(page.read_units() <= 16.0, "a page of 20 of 600 jobs: {page}");
}
