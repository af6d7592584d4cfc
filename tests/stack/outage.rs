//! Responses during an AWS outage.

use std::time::Duration;

use serde_json::json;
use sim::{Fault, JOBS, Plan, Stack};

#[tokio::test(start_paused = true)]
async fn outage_is_a_timely_503_and_leaves_no_stuck_job() {
    for (operation, fault) in [
        ("BatchGetItem", Fault::Before),
        ("GetItem", Fault::Throttle),
        ("PutItem", Fault::Before),
        ("SendMessage", Fault::Before),
        ("SendMessage", Fault::Delay(Duration::from_secs(3600))),
        ("PutItem", Fault::Delay(Duration::from_secs(3600))),
    ] {
        let stack = Stack::new().await;
        let tenant = stack.tenant();
        stack.aws.inject(Plan::always(operation, fault));
        let start = stack.now();
        let answer = tenant.submit("echo", json!(1)).await;
        let took = stack.now().since(start);
        assert_eq!(
            (answer.status, answer.problem_type(), answer.header("retry-after")),
            (503, "unavailable", "1"),
            "{operation} {fault:?}"
        );
        assert!(took < Duration::from_secs(10), "{operation} {fault:?} took {took:?}");
        stack.aws.heal();
        stack.run_worker(Duration::from_secs(600)).await;
        let kept = tenant.get("/v1/jobs").await.body["items"].clone();
        assert!(kept == json!([]) || kept[0]["status"] == "completed", "a stuck job: {kept}");
        assert!(stack.aws.messages(JOBS).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn failed_send_deletes_the_job_and_its_payload() {
    let stack = Stack::new().await;
    let stored = || {
        let items = stack.aws.items();
        items
            .iter()
            .filter(|item| !item["pk"]["S"].as_str().unwrap().starts_with("COUNTERS#"))
            .count()
    };
    let before = stored();
    stack.aws.inject(Plan::always("SendMessage", Fault::Before));
    assert_eq!(stack.tenant().submit("echo", json!("x".repeat(60_000))).await.status, 503);
    assert!(stack.aws.heal() > 0);
    assert_eq!(stored(), before);
}

#[tokio::test(start_paused = true)]
async fn errors_reveal_no_internals() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let id = tenant.submit("echo", json!(1)).await.id().to_owned();
    for operation in ["BatchGetItem", "GetItem", "Query"] {
        stack.aws.inject(Plan::always(operation, Fault::Throttle));
        for path in [format!("/v1/jobs/{id}"), "/v1/jobs".to_owned(), "/v1/kinds".to_owned()] {
            let answer = stack.tenant().get(&path).await;
            let text = answer.body.to_string();
            for leak in ["Dynamo", "Throttl", "Exception", "aws", "src/", "Item", "tollgate-"] {
                assert!(!text.contains(leak), "{text}");
            }
        }
    }
}
