//! Records: a job's activities are applied to tables atomically and exactly once.

mod faults;
mod validation;

use std::time::Duration;

use model::account::Scope;
use serde_json::{Value, json};
use sim::{ApiResponse, Client, Stack};

const HOUR: Duration = Duration::from_secs(3600);
const KIND: &str = include_str!("../../infra/kinds/activities.json");

/// A stack with the default kind `activities`.
async fn stack() -> Stack {
    let stack = Stack::new().await;
    stack.define("activities", serde_json::from_str(KIND).unwrap()).await;
    stack.aws.reset_ledger();
    stack
}

fn columns(names: &[&str], types: &[&str], values: Value) -> Value {
    json!({"col_names": names, "col_types": types, "col_values": values})
}

fn insert(table: &str, names: &[&str], types: &[&str], values: Value) -> Value {
    let mut activity = columns(names, types, values);
    (activity["operation"], activity["table"]) = ("insert".into(), table.into());
    activity
}

fn delete(table: &str, names: &[&str], types: &[&str], values: Value) -> Value {
    json!({"operation": "delete", "table": table, "value_to_delete": columns(names, types, values)})
}

fn insert_user(id: i64, name: &str) -> Value {
    insert("users", &["id", "name"], &["INTEGER", "TEXT"], json!([id, name]))
}

fn delete_user(id: i64) -> Value {
    delete("users", &["id"], &["INTEGER"], json!([id]))
}

async fn submit(client: &Client, activities: &[Value]) -> String {
    let answer = client.submit("activities", json!({"activities": activities})).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    answer.id().to_owned()
}

/// Runs a job with these activities and returns it.
async fn run(stack: &Stack, activities: &[Value]) -> Value {
    let tenant = stack.tenant();
    let id = submit(&tenant, activities).await;
    assert!(stack.run_worker(HOUR).await.emptied);
    tenant.job(&id).await.body
}

async fn rows(client: &Client, table: &str) -> Value {
    let answer = client.get(&format!("/v1/tables/{table}/rows?limit=100")).await;
    assert_eq!(
        (answer.status, &answer.body["next_cursor"]),
        (200, &Value::Null),
        "{}",
        answer.body
    );
    answer.body["items"].clone()
}

#[tokio::test(start_paused = true)]
async fn activities_are_validated_queued_applied_and_read() {
    let stack = stack().await;
    let names = ["id", "name", "ratio", "balance", "active", "born", "seen", "note"];
    let types = ["INTEGER", "text", "Float", "decimal", "BOOLEAN", "DATE", "TIMESTAMP", "TEXT"];
    let values =
        json!(["7", "Ada", "1e3", "0012.5000", "TRUE", "1815-12-10", "2026-11-20 16:00:00", null]);
    let job = run(&stack, &[insert("users", &names, &types, values)]).await;
    assert_eq!(
        (&job["status"], &job["result"]),
        (&json!("completed"), &json!({"inserted": 1, "deleted": 0})),
        "{job}"
    );
    let row = json!({"key": 7, "values": {
        "id": 7, "name": "Ada", "ratio": 1000.0, "balance": "12.5", "active": true,
        "born": "1815-12-10",
        "seen": "2026-11-20T16:00:00.000Z", "note": null,
    }});
    assert_eq!(rows(&stack.tenant(), "users").await, json!([row]));

    let replaced = run(
        &stack,
        &[
            delete("users", &["id", "balance"], &["INTEGER", "DECIMAL"], json!([7, "12.50"])),
            insert_user(7, "Grace"),
        ],
    )
    .await;
    assert_eq!(replaced["result"], json!({"inserted": 1, "deleted": 1}), "{replaced}");
    assert_eq!(
        rows(&stack.tenant(), "users").await,
        json!([{"key": 7, "values": {"id": 7, "name": "Grace"}}])
    );
    run(&stack, &[delete_user(7), delete_user(8)]).await;
    assert_eq!(rows(&stack.tenant(), "users").await, json!([]));
}

#[tokio::test(start_paused = true)]
async fn activities_are_applied_atomically() {
    let stack = stack().await;
    run(&stack, &[insert_user(1, "Ada")]).await;
    let before = rows(&stack.tenant(), "users").await;
    let mut errors = Vec::new();
    for conflicting in [
        vec![insert_user(2, "Grace"), delete_user(3), insert_user(1, "Ada")],
        vec![
            insert_user(2, "Grace"),
            delete("users", &["id", "name"], &["INTEGER", "TEXT"], json!([1, "Grace"])),
        ],
        vec![insert_user(2, "Grace"), delete("users", &["id"], &["TEXT"], json!(["1"]))],
    ] {
        let job = run(&stack, &conflicting).await;
        assert_eq!((&job["status"], &job["attempts"]), (&json!("failed"), &json!(1)), "{job}");
        errors.push(job["error"].clone());
        assert_eq!(rows(&stack.tenant(), "users").await, before);
    }
    insta::assert_json_snapshot!(errors);
}

#[tokio::test(start_paused = true)]
async fn accounts_do_not_see_each_others_rows() {
    let stack = stack().await;
    run(&stack, &[insert_user(1, "Ada")]).await;
    let stranger =
        stack.client(&stack.create_account_key(&[Scope::JobsRead, Scope::JobsWrite]).await);
    assert_eq!(rows(&stranger, "users").await, json!([]));
    // The same key in another account's table is no conflict.
    let id = submit(&stranger, &[insert_user(1, "Grace")]).await;
    stack.run_worker(HOUR).await;
    assert_eq!(stranger.job(&id).await.body["status"], "completed");
    assert_eq!(rows(&stack.tenant(), "users").await[0]["values"]["name"], "Ada");
    let path = format!("/v1/tables/users/rows?account={}", stack.tenant_account());
    assert_eq!(stranger.get(&path).await.problem_type(), "missing-scope");
    assert_eq!(stack.operator().get(&path).await.body["items"][0]["values"]["name"], "Ada");
    let writer = stack.client(&stack.create_account_key(&[Scope::JobsWrite]).await);
    assert_eq!(writer.get("/v1/tables/users/rows").await.problem_type(), "missing-scope");
}

#[tokio::test(start_paused = true)]
async fn rows_are_paged_and_invalid_parameters_named() {
    let stack = stack().await;
    let tenant = stack.tenant();
    let long = |n: usize| format!("{n}{}", "ä".repeat(255));
    let activities: Vec<_> =
        (0..7).map(|n| insert("long", &["id"], &["TEXT"], json!([long(n)]))).collect();
    run(&stack, &activities).await;
    let (mut keys, mut path) = (Vec::new(), "/v1/tables/long/rows?limit=3".to_owned());
    loop {
        let page = tenant.get(&path).await;
        keys.extend(
            page.body["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["key"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page.body["next_cursor"].as_str() else { break };
        assert_eq!(tenant.get(&format!("/v1/tables/other/rows?cursor={cursor}")).await.status, 400);
        path = format!("/v1/tables/long/rows?limit=3&cursor={cursor}");
    }
    assert_eq!(keys, (0..7).map(long).collect::<Vec<_>>());

    let told = |answer: ApiResponse| {
        format!("{} {}", answer.status, answer.body["detail"].as_str().unwrap())
    };
    let mut shown = Vec::new();
    for path in [
        "/v1/tables/a-b/rows",
        "/v1/tables/1a/rows",
        "/v1/tables/%C3%A4/rows",
        "/v1/tables/a/rows?limit=0",
        "/v1/tables/a/rows?cursor=x",
        "/v1/tables/a/rows?table=b",
    ] {
        shown.push(told(tenant.get(path).await));
    }
    insta::assert_snapshot!(shown.join("\n"), @r#"
    400 table must be 1 to 63 of A–Z, a–z, 0–9 and '_', starting with a letter or '_'.
    400 table must be 1 to 63 of A–Z, a–z, 0–9 and '_', starting with a letter or '_'.
    400 table must be 1 to 63 of A–Z, a–z, 0–9 and '_', starting with a letter or '_'.
    400 limit must be a whole number from 1 to 100.
    400 cursor is not a cursor of this list; pass `next_cursor` unchanged, with the same filters.
    400 query has an unknown parameter "table".
    "#);
}

/// A transaction costs twice its writes: one for the idempotency marker, and one for each row.
#[tokio::test(start_paused = true)]
async fn cost_of_a_records_job() {
    let stack = stack().await;
    submit(&stack.tenant(), &[insert_user(1, "Ada"), insert_user(2, "Grace"), delete_user(3)])
        .await;
    stack.aws.reset_ledger();
    stack.run_worker(Duration::from_secs(60)).await;
    insta::assert_snapshot!(stack.aws.reset_ledger().without(sim::COUNTER_UPDATE), @"
    operation           calls  messages  read  write
    DeleteMessageBatch      1         1     0      0
    GetItem                 2         0     2      0
    ReceiveMessage          1         1     0      0
    TransactWriteItems      1         0     0      8
    UpdateItem              3         0     0      3
    total                   8         2     2     11
    ");
}

/// An insert and a delete of the same row in one job leave no row. They still require that the row
/// did not exist.
#[tokio::test(start_paused = true)]
async fn insert_and_delete_in_one_job_leave_no_row() {
    let stack = stack().await;
    let job = run(&stack, &[insert_user(1, "a"), delete_user(1)]).await;
    assert_eq!(
        (&job["status"], &job["result"]),
        (&json!("completed"), &json!({"inserted": 1, "deleted": 1}))
    );
    assert_eq!(rows(&stack.tenant(), "users").await, json!([]));
    assert_eq!(run(&stack, &[insert_user(1, "a")]).await["status"], "completed");
    assert_eq!(run(&stack, &[insert_user(1, "b"), delete_user(1)]).await["status"], "failed");
}
