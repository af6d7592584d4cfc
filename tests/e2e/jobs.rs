//! Many jobs from submission to result.

use std::collections::BTreeSet;

use live_stack::{JOB_TIMEOUT, Stack, stack};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::crash::without_kills;

#[tokio::test]
async fn two_hundred_jobs_of_twenty_clients_all_complete() {
    let _quiet = without_kills().await;
    let stack = stack();
    let clients = (0..20).map(async |client| {
        let mut jobs = Vec::new();
        for n in 0..10 {
            let payload = json!({"client": client, "n": n});
            jobs.push((stack.submit("echo", payload.clone()).await, payload));
        }
        jobs
    });
    let per_client = futures::future::join_all(clients).await;
    for jobs in &per_client {
        assert!(
            jobs.windows(2).all(|pair| pair[0].0 < pair[1].0),
            "one client's ids sort by time: {jobs:?}"
        );
    }
    let ids: BTreeSet<_> = per_client.iter().flatten().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), 200);
    let looked = per_client.iter().map(async |jobs| {
        for (id, payload) in jobs {
            let job = stack.outcome(id, JOB_TIMEOUT).await;
            assert_eq!(
                (&job["status"], &job["result"], &job["attempts"]),
                (&json!("completed"), payload, &json!(1))
            );
        }
    });
    futures::future::join_all(looked).await;
}

#[tokio::test]
async fn a_repeated_key_gives_the_same_job() {
    let _quiet = without_kills().await;
    let stack = stack();
    let key = format!("e2e-{:x}", rand::random::<u64>());
    let body = json!({"kind": "echo", "payload": {"a": 1}});
    let send = async || {
        stack.send(Method::POST, "/v1/jobs", &[("Idempotency-Key", &key)], Some(body.clone())).await
    };
    let first = send().await;
    stack.outcome(&first.id(), JOB_TIMEOUT).await;
    let again = send().await;
    assert_eq!((again.status, &again.body), (202, &first.body));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let other = stack
        .send(
            Method::POST,
            "/v1/jobs",
            &[("Idempotency-Key", &key)],
            Some(json!({"kind": "echo", "payload": 2})),
        )
        .await;
    assert_eq!(
        (other.status, &other.body["type"]),
        (422, &json!("urn:tollgate:problem:idempotency-key-reused"))
    );
}

#[tokio::test]
async fn polls_are_conditional_and_lists_show_the_job() {
    let _quiet = without_kills().await;
    let stack = stack();
    let id = stack.submit("echo", json!("x")).await;
    stack.outcome(&id, JOB_TIMEOUT).await;
    let path = format!("/v1/jobs/{id}");
    let first = stack.send(Method::GET, &path, &[], None).await;
    let etag = first.headers["etag"].to_str().unwrap();
    let same = stack.send(Method::GET, &path, &[("If-None-Match", etag)], None).await;
    assert_eq!((same.status, &same.body), (304, &json!("")));
    let list = stack.send(Method::GET, "/v1/jobs?limit=100&status=completed", &[], None).await;
    assert!(
        list.body["items"].as_array().unwrap().iter().any(|job| job["id"] == id.as_str()),
        "{list:?}"
    );
}

/// API Gateway's routes send every method to a function and pass its response through unchanged.
#[tokio::test]
async fn error_statuses_pass_through_the_gateway() {
    let stack = stack();
    for (method, path, status, slug) in [
        (Method::GET, "/v1/nothing", 404, "not-found"),
        (Method::POST, "/nothing", 404, "not-found"),
        (Method::PUT, "/v1/jobs", 405, "method-not-allowed"),
        (Method::PATCH, "/v1/jobs", 405, "method-not-allowed"),
        (Method::DELETE, "/v1/kinds", 405, "method-not-allowed"),
        (Method::POST, "/heartbeat", 405, "method-not-allowed"),
        (Method::GET, "/v1/jobs?limit=x", 400, "invalid-parameter"),
        (Method::GET, "/v1/jobs/job_01kagzwy00e81840g2081040g2", 404, "not-found"),
        (Method::POST, "/v1/jobs", 415, "unsupported-media-type"),
    ] {
        let answer = stack.send(method.clone(), path, &[], None).await;
        let told = format!("urn:tollgate:problem:{slug}");
        assert_eq!(
            (answer.status, &answer.body["type"]),
            (status, &json!(told)),
            "{method} {path}: {answer:?}"
        );
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.headers["x-request-id"], answer.body["request_id"].as_str().unwrap());
    }
    assert_eq!(raw_query(stack, "cursor=<x>\"|").await, 400);
    let heartbeat = stack.send(Method::GET, "/heartbeat", &[], None).await;
    assert_eq!((heartbeat.status, &heartbeat.body["status"]), (200, &json!("ok")));
    let large = json!({"kind": "echo", "payload": "x".repeat(256 * 1024)});
    assert_eq!(stack.send(Method::POST, "/v1/jobs", &[], Some(large)).await.status, 413);
    let nearly = json!({"kind": "echo", "payload": "x".repeat(60 * 1024)});
    let accepted = stack.send(Method::POST, "/v1/jobs", &[], Some(nearly.clone())).await;
    let job = stack.outcome(&accepted.id(), JOB_TIMEOUT).await;
    assert_eq!(job["result"], nearly["payload"]);
    assert_eq!(job["error"], Value::Null);
}

/// Status of a list request with an invalid query. URI libraries refuse to write it, so it goes
/// over a raw socket.
async fn raw_query(stack: &Stack, query: &str) -> u16 {
    let (host, path) = stack.url.trim_start_matches("http://").split_once('/').unwrap();
    let mut socket = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!(
        "GET /{path}/v1/jobs?{query} HTTP/1.1\r\nhost: {host}\r\n\
         authorization: Bearer {}\r\nconnection: close\r\n\r\n",
        stack.tenant_key
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).split(' ').nth(1).unwrap().parse().unwrap()
}
