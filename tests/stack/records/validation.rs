//! Payloads that are refused, and values that are not.

use http::Method;
use serde_json::{Value, json};

use super::{HOUR, delete, delete_user, insert, insert_user, rows, run, stack};

/// JSON numbers keep all their digits; they are not converted to floats.
#[tokio::test(start_paused = true)]
async fn decimals_are_exact_as_number_or_text() {
    let stack = stack().await;
    let body = r#"{"kind": "activities", "payload": {"activities": [{
        "operation": "insert", "table": "prices",
        "col_names": ["id", "price"], "col_types": ["DECIMAL", "DECIMAL"],
        "col_values": [12345678901234567890.10, "0.1234567890123456789012345678901234567"]
    }]}}"#;
    let tenant = stack.tenant();
    let answer =
        tenant.send_raw(Method::POST, "/v1/jobs", Some("application/json"), body.into()).await;
    assert_eq!(answer.status, 202, "{}", answer.body);
    stack.run_worker(HOUR).await;
    let row =
        json!({"id": "12345678901234567890.1", "price": "0.1234567890123456789012345678901234567"});
    assert_eq!(rows(&tenant, "prices").await[0]["values"], row);
}

#[tokio::test(start_paused = true)]
async fn reports_all_violations_and_stores_nothing() {
    let stack = stack().await;
    let tenant = stack.tenant();
    let whole = insert("users", &["id"], &["INTEGER"], json!([1]));
    let mut shown = Vec::new();
    for payload in [
        json!({}),
        json!({"activities": []}),
        json!({"activities": {}, "more": 1}),
        json!([whole]),
        json!({"activities": vec![whole.clone(); 100]}),
        json!({"activities": [
            {}, 7, {"operation": "update", "table": "users"}, {"operation": "insert"},
            {"operation": "DELETE", "table": "x"},
        ]}),
        json!({"activities": [
            insert(
                "users; --", &["id", "id", "a b"], &["INTEGER", "VARCHAR", "TEXT"],
                json!([1, 2, 3]),
            ),
            insert("users", &["id", "name"], &["INTEGER"], json!([1, "a", "b"])),
            insert("users", &[], &[], json!([])),
            insert(
                "users", &["id", "n", "f", "d", "b", "day", "at"],
                &["TEXT", "INTEGER", "FLOAT", "DECIMAL", "BOOLEAN", "DATE", "TIMESTAMP"],
                json!([null, "x", "NaN", "1e40", "yes", "2023-02-29", "now"]),
            ),
            insert("users", &["id", "x"], &["TEXT", "TEXT"], json!(["", {}])),
            insert("users", &["id"], &["TEXT"], json!(["k".repeat(513)])),
            {
                "operation": "delete", "table": "users", "col_names": ["id"],
                "value_to_delete": {"col_names": ["id"], "col_values": [1], "more": 1},
            },
        ]}),
        json!({"activities": [
            insert_user(1, "Ada"), insert_user(2, "Ada"), insert_user(1, "Ada"),
            delete("users", &["id", "name"], &["INTEGER", "TEXT"], json!([2, "Grace"])),
            delete_user(2),
            insert_user(2, "Grace"),
        ]}),
    ] {
        let answer = tenant.submit("activities", payload.clone()).await;
        assert_eq!((answer.status, answer.problem_type()), (422, "invalid-body"), "{payload}");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let errors = answer.body["errors"].as_array().unwrap().iter();
        shown.extend(
            errors.map(|error| format!("{} {}", text(&error["pointer"]), text(&error["detail"]))),
        );
        shown.push(String::new());
    }
    insta::assert_snapshot!(shown.join("\n"));
    assert_eq!(tenant.get("/v1/jobs").await.body["items"], json!([]));
}

/// The target validates payloads, however lax the kind's schema is.
#[tokio::test(start_paused = true)]
async fn target_validates_payloads_despite_a_lax_schema() {
    let stack = stack().await;
    stack.define("lax", json!({"schema": {}, "target": {"type": "records"}})).await;
    let answer = stack.tenant().submit("lax", json!({})).await;
    assert_eq!(
        answer.body["errors"],
        json!([{"pointer": "/payload/activities", "detail": "is required"}])
    );
}

#[tokio::test(start_paused = true)]
async fn values_that_look_like_code_are_stored_unchanged() {
    let stack = stack().await;
    let hostile = [
        "'); DROP TABLE users; --",
        "\" OR \"\"=\"",
        "${jndi:ldap://x}",
        "{{7*7}}",
        "#pk",
        ":after",
        "TABLE#x#y",
    ];
    let activities: Vec<_> = hostile
        .iter()
        .map(|text| {
            insert("users", &["name", "expires_at"], &["TEXT", "TEXT"], json!([text, text]))
        })
        .collect();
    assert_eq!(run(&stack, &activities).await["status"], "completed");
    let read = rows(&stack.tenant(), "users").await;
    let mut names: Vec<_> = read
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["values"]["name"].as_str().unwrap())
        .collect();
    let mut wanted = hostile.to_vec();
    names.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(names, wanted);
}

#[tokio::test(start_paused = true)]
async fn payload_accepted_for_another_target_fails_the_job() {
    let stack = stack().await;
    let id = stack
        .tenant()
        .submit("echo", json!({"activities": [{"operation": "insert"}]}))
        .await
        .id()
        .to_owned();
    stack.define("echo", json!({"schema": {}, "target": {"type": "records"}})).await;
    stack.run_worker(HOUR).await;
    let job = stack.tenant().job(&id).await.body;
    assert_eq!(
        (&job["status"], &job["error"]["code"]),
        (&json!("failed"), &json!("payload-invalid"))
    );
    insta::assert_snapshot!(job["error"]["message"].as_str().unwrap(), @"\
        invalid payload for tables: /activities/0/table is required");
}
