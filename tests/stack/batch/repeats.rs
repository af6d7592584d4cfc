//! Repeated batches, faults and late writes.

use std::time::Duration;

use serde_json::json;
use sim::{ApiResponse, Fault, Plan, Stack};

use super::{HOUR, all_completed, echo_jobs, ids, send};

#[tokio::test(start_paused = true)]
async fn repeated_batch_is_replayed() {
    let stack = Stack::new().await;
    let tenant = stack.tenant().with("idempotency-key", "b");
    let mut jobs = echo_jobs(5);
    jobs.insert(2, json!({"kind": "later", "payload": 1}));
    let first = send(&tenant, jobs.clone()).await;
    stack.run_worker(HOUR).await;
    // The refused item stays refused, although its kind exists by now.
    stack.define("later", json!({"schema": {}, "target": {"type": "echo"}})).await;
    let again = send(&tenant, jobs).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(ids(&again), ids(&first));
    let accepted = |answer: &ApiResponse| {
        let items = answer.body["items"].as_array().unwrap().clone();
        items
            .into_iter()
            .map(|item| (item["status"].clone(), item["job"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(accepted(&again), accepted(&first));
    let other = send(&tenant, echo_jobs(2)).await;
    assert_eq!((other.status, other.problem_type()), (422, "idempotency-key-reused"));
    let list = tenant.get("/v1/jobs?limit=100").await.body;
    assert_eq!(list["items"].as_array().unwrap().len(), 5);
}

/// The first request dies after it stored its idempotency record. Two concurrent repeats complete
/// the batch. Neither undoes the progress of a job that has started since.
#[tokio::test(start_paused = true)]
async fn concurrent_repeats_complete_a_batch_and_undo_nothing() {
    let stack = Stack::new().await;
    let first = stack.tenant().with("idempotency-key", "b");
    let switch = sim::KillSwitch::after(3);
    assert!(sim::run_until_killed(send(&first, echo_jobs(30)), &switch).await.is_none());
    tokio::time::sleep(Duration::from_secs(11)).await;
    let slow = async {
        stack.aws.inject(Plan::only("PutItem", 5, Fault::Delay(Duration::from_secs(1))));
        send(&stack.tenant().with("idempotency-key", "b"), echo_jobs(30)).await
    };
    let quick = async {
        let answer = send(&stack.tenant().with("idempotency-key", "b"), echo_jobs(30)).await;
        stack.run_worker(HOUR).await;
        answer
    };
    let (slow, quick) = tokio::join!(slow, quick);
    assert_eq!((ids(&slow), ids(&quick).len()), (ids(&quick), 30));
    stack.run_worker(HOUR).await;
    for id in ids(&quick) {
        let job = stack.tenant().job(&id).await.body;
        assert_eq!((&job["status"], &job["attempts"]), (&json!("completed"), &json!(1)));
    }
}

/// A batch write whose response was lost may take effect after its jobs have finished. It must not
/// overwrite them.
#[tokio::test(start_paused = true)]
async fn late_batch_write_undoes_nothing() {
    let stack = Stack::new().await;
    let tenant = stack.tenant().with("idempotency-key", "b");
    stack.aws.inject(Plan::only("BatchWriteItem", 1, Fault::Late(Duration::from_millis(1900))));
    let mut answer = send(&tenant, echo_jobs(30)).await;
    while answer.status != 202 || ids(&answer).len() < 30 {
        stack.run_worker(Duration::from_secs(11)).await;
        tokio::time::sleep(Duration::from_secs(11)).await;
        answer = send(&tenant, echo_jobs(30)).await;
    }
    assert!(stack.run_worker(HOUR).await.emptied);
    assert!(all_completed(&tenant, &ids(&answer)).await);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(all_completed(&tenant, &ids(&answer)).await, "a finished job was overwritten");
}

/// Each call fails in turn. The client repeats the request until all jobs are accepted, and no job
/// is created twice.
#[tokio::test(start_paused = true)]
async fn no_fault_loses_or_duplicates_a_job() {
    for operation in ["BatchWriteItem", "SendMessageBatch", "PutItem"] {
        for fault in [Fault::Before, Fault::After, Fault::Twice, Fault::Throttle] {
            for nth in 1..=3 {
                let stack = Stack::new().await;
                let tenant = stack.tenant().with("idempotency-key", "b");
                stack.aws.inject(Plan::new(move |name, n| {
                    if name == operation && n >= nth && n < nth + 3 { fault } else { Fault::None }
                }));
                let mut answer = send(&tenant, echo_jobs(60)).await;
                stack.aws.heal();
                for _ in 0..5 {
                    let all = answer.status == 202 && ids(&answer).len() == 60;
                    if all {
                        break;
                    }
                    tokio::time::sleep(Duration::from_secs(11)).await;
                    answer = send(&tenant, echo_jobs(60)).await;
                }
                let ids = ids(&answer);
                assert_eq!(ids.len(), 60, "{operation} {fault:?} {nth}: {answer:?}");
                assert!(stack.run_worker(HOUR).await.emptied);
                assert!(all_completed(&tenant, &ids).await, "{operation} {fault:?} {nth}");
                let list = tenant.get("/v1/jobs?limit=100").await.body;
                assert_eq!(list["items"].as_array().unwrap().len(), 60);
            }
        }
    }
}
