//! The gatekeeper's API: clients send activities that are applied to tables.

use std::time::Duration;

use http::Method;
use model::account::Scope;
use serde_json::{Value, json};
use sim::{ApiResponse, Client, Fault, Plan, Stack};

use super::{stack, token};

const HOUR: Duration = Duration::from_secs(3600);
const PATH: &str = "/api/activities";
const JSON: Option<&str> = Some("application/json");

async fn post(client: &Client, activities: Value) -> ApiResponse {
    client.send(Method::POST, PATH, Some(json!({"activities": activities}))).await
}

fn insert(id: i64, name: &str) -> Value {
    json!({
        "operation": "insert", "table": "users", "col_names": ["id", "name"],
        "col_types": ["INTEGER", "TEXT"], "col_values": [id, name],
    })
}

fn delete(id: i64) -> Value {
    json!({
        "operation": "delete", "table": "users",
        "value_to_delete": {"col_names": ["id"], "col_types": ["INTEGER"], "col_values": [id]},
    })
}

async fn names(stack: &Stack) -> Vec<String> {
    let rows = stack.tenant().get("/v1/tables/users/rows").await.body;
    let rows = rows["items"].as_array().unwrap().iter();
    rows.map(|row| row["values"]["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn inserts_and_deletes_are_queued_and_applied() {
    let stack = stack(None).await;
    let tenant = stack.tenant();
    let accepted = post(&tenant, json!([insert(1, "Ada"), insert(2, "Grace")])).await;
    assert_eq!((accepted.status, accepted.header("content-type")), (200, "application/json"));
    assert_eq!(accepted.body, json!({"token": token(&accepted), "status": "queued"}));
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_eq!(names(&stack).await, ["Ada", "Grace"]);

    let removed = post(&tenant, json!([delete(1)])).await;
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_eq!(names(&stack).await, ["Grace"]);
    let job = tenant.job(&token(&removed)).await.body;
    assert_eq!(
        (&job["kind"], &job["result"]),
        (&json!("activities"), &json!({"inserted": 0, "deleted": 1}))
    );
}

#[tokio::test(start_paused = true)]
async fn invalid_activities_are_refused_with_all_violations() {
    let stack = stack(None).await;
    let tenant = stack.tenant();
    let unequal = json!({
        "operation": "insert", "table": "users", "col_names": ["id", "name"],
        "col_types": ["INTEGER"], "col_values": [1, "Ada", 2],
    });
    let mut shown = String::new();
    for body in [
        json!({}),
        json!([insert(1, "Ada")]),
        json!({"activities": []}),
        json!({"activities": [insert(1, "Ada")], "kind": "echo"}),
        json!({"activities": [
            unequal, {"operation": "update", "table": "users"}, {"operation": "insert"},
        ]}),
        json!({"activities": [{
            "operation": "delete", "table": "users; DROP TABLE users", "value_to_delete": {},
        }]}),
    ] {
        let answer = tenant.send(Method::POST, PATH, Some(body.clone())).await;
        assert_eq!((answer.status, answer.problem_type()), (422, "invalid-body"), "{body}");
        shown += &format!("{body}\n");
        for error in answer.body["errors"].as_array().unwrap() {
            shown += &format!("  {} {}\n", error["pointer"], error["detail"]);
        }
    }
    insta::assert_snapshot!(shown);

    let reader = stack.client(&stack.create_account_key(&[Scope::JobsRead]).await);
    let large = vec![b' '; 256 * 1024 + 1];
    for (answer, status, slug) in [
        (post(&stack.client(""), json!([])).await, 401, "unauthenticated"),
        (post(&reader, json!([])).await, 403, "missing-scope"),
        (tenant.send_raw(Method::POST, PATH, JSON, large).await, 413, "payload-too-large"),
        (
            tenant.send_raw(Method::POST, PATH, None, b"{}".to_vec()).await,
            415,
            "unsupported-media-type",
        ),
        (tenant.send_raw(Method::POST, PATH, JSON, b"{".to_vec()).await, 400, "malformed-json"),
        (tenant.get(PATH).await, 405, "method-not-allowed"),
    ] {
        assert_eq!((answer.status, answer.problem_type()), (status, slug));
        assert_eq!(answer.header("content-type"), "application/problem+json", "{slug}");
    }
    assert_eq!(tenant.get("/v1/jobs").await.body["items"], json!([]));
}

/// The gatekeeper counted valid and invalid payloads.
#[tokio::test(start_paused = true)]
async fn valid_and_invalid_payloads_are_counted() {
    let stack = stack(None).await;
    let tenant = stack.tenant();
    for activities in
        [json!([insert(1, "Ada")]), json!([]), json!([insert(2, "Grace")]), json!(7), json!({})]
    {
        post(&tenant, activities).await;
    }
    let lines = stack.emitted_metrics();
    let count = |metric: &str, dimension: &str, value: &str| -> f64 {
        let told = lines.iter().filter(|line| line[dimension] == value);
        told.filter_map(|line| line[metric].as_f64()).sum()
    };
    assert_eq!(
        (count("Accepted", "kind", "activities"), count("Rejected", "reason", "invalid-body")),
        (2.0, 3.0)
    );
}

#[tokio::test(start_paused = true)]
async fn values_that_look_like_sql_are_stored_unchanged() {
    let stack = stack(None).await;
    let hostile = "'); DROP TABLE users; --";
    post(&stack.tenant(), json!([insert(1, hostile)])).await;
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_eq!(names(&stack).await, [hostile]);
}

#[tokio::test(start_paused = true)]
async fn throttled_transaction_is_retried() {
    let stack = stack(None).await;
    let tenant = stack.tenant();
    let accepted = post(&tenant, json!([insert(1, "Ada")])).await;
    // More failures than the SDK retries.
    let outage = |operation: &str, nth| operation == "TransactWriteItems" && nth <= 6;
    stack.aws.inject(Plan::new(
        move |operation, nth| {
            if outage(operation, nth) { Fault::Throttle } else { Fault::None }
        },
    ));
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_eq!(names(&stack).await, ["Ada"]);
    let job = tenant.job(&token(&accepted)).await.body;
    assert_eq!(job["status"], "completed");
    assert!(job["attempts"].as_u64() > Some(1), "{job}");
}

#[tokio::test(start_paused = true)]
async fn conflicting_insert_fails_the_job_and_changes_nothing() {
    let stack = stack(None).await;
    let tenant = stack.tenant();
    post(&tenant, json!([insert(1, "Ada")])).await;
    stack.run_worker(HOUR).await;
    let conflicting = post(&tenant, json!([insert(2, "Grace"), insert(1, "Ada")])).await;
    assert!(stack.run_worker(HOUR).await.emptied);
    let job = tenant.job(&token(&conflicting)).await.body;
    assert_eq!((&job["status"], &job["error"]["code"]), (&json!("failed"), &json!("row-conflict")));
    assert_eq!(names(&stack).await, ["Ada"]);
}
