//! Schedules: created, read and deleted.

mod consistency;
mod lists;
mod runs;

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sim::{ApiResponse, Fault, Plan, Stack};

const SECOND: Duration = Duration::from_secs(1);
const NIGHTLY: &str = "/v1/schedules/nightly";

/// A schedule of the tenant, overridden by `others`.
fn spec(stack: &Stack, others: Value) -> Value {
    let mut spec = json!({
        "expression": "rate(5 minutes)", "account": stack.tenant_account(),
        "job": {"kind": "echo", "payload": {"n": 7}},
    });
    spec.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    spec
}

async fn put(stack: &Stack, others: Value) -> ApiResponse {
    stack.operator().send(Method::PUT, NIGHTLY, Some(spec(stack, others))).await
}

#[tokio::test(start_paused = true)]
async fn creates_reads_and_deletes_schedules_and_their_entries() {
    let stack = Stack::new().await;
    let whole = json!({
        "expression": "cron(30 4 ? * MON-FRI *)", "timezone": "Europe/Berlin",
        "job": {
            "kind": "echo", "payload": {"n": 7}, "priority": 3,
            "callback_url": "https://example.com/told", "metadata": {"a": "b"},
        },
    });
    let created = put(&stack, whole).await;
    assert_eq!((created.status, created.header("location")), (201, NIGHTLY));
    insta::assert_json_snapshot!("schedule", created.body, {".account" => "[account]"});
    insta::assert_json_snapshot!("entries", stack.aws.schedules());
    assert_eq!(stack.operator().get(NIGHTLY).await.body, created.body);

    tokio::time::sleep(SECOND).await;
    let changed = put(&stack, json!({"enabled": false})).await;
    assert_eq!((changed.status, &changed.body["created_at"]), (200, &created.body["created_at"]));
    assert_ne!(changed.body["updated_at"], created.body["updated_at"]);
    let entry = &stack.aws.schedules()[0];
    assert_eq!(
        (&entry["ScheduleExpression"], &entry["ScheduleExpressionTimezone"], &entry["State"]),
        (&json!("rate(5 minutes)"), &json!("UTC"), &json!("DISABLED"))
    );

    assert_eq!(stack.operator().send(Method::DELETE, NIGHTLY, None).await.status, 204);
    assert!(stack.aws.schedules().is_empty());
    assert_eq!(stack.operator().send(Method::DELETE, NIGHTLY, None).await.status, 404);
    assert_eq!(stack.operator().get(NIGHTLY).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn reports_all_violations() {
    let stack = Stack::new().await;
    let strict = json!({"type": "object", "properties": {"n": {"type": "integer"}}});
    stack.define("strict", json!({"schema": strict, "target": {"type": "echo"}})).await;
    let unknown = "acc_01kagzwy00e40r2081040g2081";
    let mut shown = Vec::new();
    for bad in [
        json!({}),
        json!({
            "expression": 7, "timezone": 7, "job": {"kind": "No Name", "priority": 10},
            "account": "x", "enabled": "yes", "more": 1,
        }),
        json!({
            "expression": "cron(0 4 * * *)", "timezone": "CEST", "account": unknown,
            "job": {"kind": "nothing-like-it", "payload": 1},
        }),
        json!({
            "expression": "at(2026-11-20T16:00:00)", "account": stack.tenant_account(),
            "job": {"kind": "strict", "payload": {"n": "x"}},
        }),
        json!({
            "expression": "rate(5 minutes)", "account": stack.tenant_account(),
            "job": {"kind": "echo", "payload": 1, "callback_url": "ftp://example.com"},
        }),
        json!({
            "expression": "rate(1 minutes)", "account": stack.tenant_account(),
            "job": {"kind": "echo", "payload": 1, "delay_seconds": 3},
        }),
    ] {
        let answer = stack.operator().send(Method::PUT, NIGHTLY, Some(bad.clone())).await;
        assert_eq!(answer.status, 422, "{bad}");
        shown.push(answer.body["errors"].clone());
    }
    insta::assert_json_snapshot!(shown);
    assert!(stack.aws.schedules().is_empty());
    assert_eq!(stack.operator().get(NIGHTLY).await.status, 404);
}

/// The simulated Scheduler rejects `L`, as an example of expressions that only Scheduler can judge.
#[tokio::test(start_paused = true)]
async fn expression_refused_by_scheduler_is_a_422() {
    let stack = Stack::new().await;
    let refused = put(&stack, json!({"expression": "cron(0 4 L * ? *)"})).await;
    assert_eq!(
        (refused.status, &refused.body["errors"][0]["pointer"]),
        (422, &json!("/expression"))
    );
    assert_eq!(stack.operator().get(NIGHTLY).await.status, 404);

    let created = put(&stack, json!({})).await;
    assert_eq!(put(&stack, json!({"expression": "cron(0 4 L * ? *)"})).await.status, 422);
    assert_eq!(stack.operator().get(NIGHTLY).await.body, created.body);
    assert_eq!(stack.aws.schedules()[0]["ScheduleExpression"], "rate(5 minutes)");
}

/// Each call of a PUT and of a DELETE fails in each way. A repeat completes the request.
#[tokio::test(start_paused = true)]
async fn repeat_after_an_outage_completes_the_request() {
    for fault in [Fault::Before, Fault::After, Fault::Throttle, Fault::Twice] {
        for operation in [
            "UpdateItem",
            "PutItem",
            "CreateSchedule",
            "UpdateSchedule",
            "DeleteSchedule",
            "DeleteItem",
        ] {
            for (first, last) in [(1, 1), (1, 9)] {
                let stack = Stack::new().await;
                let broken = Plan::new(move |name, n| {
                    if name == operation && (first..=last).contains(&n) {
                        fault
                    } else {
                        Fault::None
                    }
                });
                let about = format!("{operation} {fault:?} {first}–{last}");
                put(&stack, json!({"expression": "rate(1 day)"})).await;
                tokio::time::sleep(SECOND).await;
                stack.aws.inject(broken.clone());
                let answer = put(&stack, json!({})).await;
                assert!([200, 503].contains(&answer.status), "{about}: {answer:?}");
                stack.aws.heal();
                assert_eq!(put(&stack, json!({})).await.status, 200, "{about}");
                assert_eq!(
                    stack.aws.schedules()[0]["ScheduleExpression"],
                    "rate(5 minutes)",
                    "{about}"
                );
                let listed = stack.tenant().get("/v1/schedules").await;
                assert_eq!(listed.body["items"][0]["name"], "nightly", "{about}");

                stack.aws.inject(broken);
                let answer = stack.operator().send(Method::DELETE, NIGHTLY, None).await;
                assert!([204, 503].contains(&answer.status), "{about}: {answer:?}");
                stack.aws.heal();
                let again = stack.operator().send(Method::DELETE, NIGHTLY, None).await;
                assert!([204, 404].contains(&again.status), "{about}: {again:?}");
                assert!(stack.aws.schedules().is_empty(), "{about}");
                assert_eq!(stack.operator().get(NIGHTLY).await.status, 404, "{about}");
                assert_eq!(
                    stack.tenant().get("/v1/schedules").await.body["items"],
                    json!([]),
                    "{about}"
                );
            }
        }
    }
}
