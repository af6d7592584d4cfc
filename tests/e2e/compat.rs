//! Compatibility routes of the earlier systems over HTTP.

use std::time::Duration;

use live_stack::{JOB_TIMEOUT, stack};
use reqwest::Method;
use serde_json::json;

use crate::crash::without_kills;

#[tokio::test]
async fn a_user_is_deleted_and_polled_for() {
    let _quiet = without_kills().await;
    let stack = stack();
    let accepted = stack.send(Method::DELETE, "/api/user", &[], Some(json!({"id": 7}))).await;
    assert_eq!(accepted.status, 201, "{accepted:?}");
    let path = format!("/api/poll/{}", accepted.body["token"].as_str().unwrap());
    let deadline = tokio::time::Instant::now() + JOB_TIMEOUT;
    loop {
        let answer = stack.send(Method::GET, &path, &[], None).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let status = answer.body["status"].as_str().unwrap();
        if status == "Completed" {
            break;
        }
        assert!(["Queuing", "Inprogress"].contains(&status), "{answer:?}");
        assert!(
            tokio::time::Instant::now() < deadline,
            "no outcome within the timeout: {answer:?}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    for (method, path, body, status) in [
        (Method::DELETE, "/api/user", Some(json!({"id": 0})), 400),
        (Method::DELETE, "/api/user", None, 415),
        (Method::GET, "/api/user", None, 405),
        (Method::GET, "/api/poll/7", None, 404),
    ] {
        let answer = stack.send(method.clone(), path, &[], body).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8", "{method} {path}");
    }
}

#[tokio::test]
async fn old_activities_become_rows() {
    let _quiet = without_kills().await;
    let stack = stack();
    let table = format!("old_{:x}", rand::random::<u64>());
    let columns = json!({
        "col_names": ["id", "name"],
        "col_types": ["INTEGER", "TEXT"],
        "col_values": [7, "Ada"],
    });
    let mut insert = columns.clone();
    (insert["operation"], insert["table"]) = (json!("insert"), json!(table));
    let delete = json!({"operation": "delete", "table": table, "value_to_delete": columns});
    let mut left = Vec::new();
    for activity in [insert, delete] {
        let body = json!({"activities": [activity]});
        let accepted = stack.send(Method::POST, "/api/activities", &[], Some(body)).await;
        assert_eq!(
            (accepted.status, &accepted.body["status"]),
            (200, &json!("queued")),
            "{accepted:?}"
        );
        let job = stack.outcome(accepted.body["token"].as_str().unwrap(), JOB_TIMEOUT).await;
        assert_eq!(job["status"], "completed", "{job}");
        let rows = stack.send(Method::GET, &format!("/v1/tables/{table}/rows"), &[], None).await;
        left.push(rows.body["items"].as_array().unwrap().len());
    }
    assert_eq!(left, [1, 0]);

    let refused = stack.send(Method::POST, "/api/activities", &[], Some(json!({}))).await;
    assert_eq!(
        (refused.status, &refused.body["errors"][0]["pointer"]),
        (422, &json!("/activities"))
    );
}

/// The account tracker's clients send data in the query; API Gateway must forward it unchanged.
#[tokio::test]
async fn query_text_becomes_an_event() {
    let _quiet = without_kills().await;
    let stack = stack();
    let run = format!("{:x}", rand::random::<u64>());
    let path = format!(
        "/v1/accounts/{}/events?data={run}+1%2B1%3D2%26%20gr%C3%BC%C3%9Fe",
        stack.tenant_account
    );
    let accepted = stack.send(Method::PUT, &path, &[], None).await;
    assert_eq!(accepted.status, 202, "{accepted:?}");
    let (mut cursor, deadline) = (String::new(), tokio::time::Instant::now() + JOB_TIMEOUT);
    let told = loop {
        let page =
            stack.send(Method::GET, &format!("/v1/events?limit=100{cursor}"), &[], None).await.body;
        let mut events = page["items"].as_array().unwrap().iter();
        if let Some(event) = events.find(|event| event["id"] == accepted.body["id"]) {
            break event["data"].clone();
        }
        cursor = format!("&after={}", page["next_cursor"].as_str().unwrap());
        assert!(tokio::time::Instant::now() < deadline, "the event did not arrive");
    };
    assert_eq!(told, json!(format!("{run} 1+1=2& grüße")));
    let refused = stack.send(Method::PUT, path.split('?').next().unwrap(), &[], None).await;
    assert_eq!((refused.status, &refused.body["detail"]), (400, &json!("data required.")));
}
