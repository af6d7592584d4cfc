//! Records from submission to the rows.

use live_stack::{JOB_TIMEOUT, stack};
use reqwest::Method;
use serde_json::json;

use crate::crash::without_kills;

#[tokio::test]
async fn activities_become_rows() {
    let _quiet = without_kills().await;
    let stack = stack();
    let table = format!("users_{:x}", rand::random::<u64>());
    let user = json!({
        "operation": "insert", "table": table,
        "col_names": ["id", "name", "balance"],
        "col_types": ["INTEGER", "TEXT", "DECIMAL"],
        "col_values": [7, "'; --", "12.50"],
    });
    let first = stack.submit("activities", json!({"activities": [user]})).await;
    assert_eq!(
        stack.outcome(&first, JOB_TIMEOUT).await["result"],
        json!({"inserted": 1, "deleted": 0})
    );
    let again = stack.submit("activities", json!({"activities": [user]})).await;
    let again = stack.outcome(&again, JOB_TIMEOUT).await;
    assert_eq!(
        (&again["status"], &again["error"]["code"]),
        (&json!("failed"), &json!("row-conflict"))
    );
    let rows = stack.send(Method::GET, &format!("/v1/tables/{table}/rows"), &[], None).await;
    let row = json!({"key": 7, "values": {"id": 7, "name": "'; --", "balance": "12.5"}});
    assert_eq!((rows.status, rows.body), (200, json!({"items": [row], "next_cursor": null})));
}
