//! `POST /v1/jobs/batch`.

mod repeats;

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sim::{ApiResponse, Client, Stack};

const HOUR: Duration = Duration::from_secs(3600);

async fn send(client: &Client, jobs: Vec<Value>) -> ApiResponse {
    client.send(Method::POST, "/v1/jobs/batch", Some(json!({"jobs": jobs}))).await
}

fn echo_jobs(number: usize) -> Vec<Value> {
    (0..number).map(|n| json!({"kind": "echo", "payload": n})).collect()
}

fn ids(answer: &ApiResponse) -> Vec<String> {
    let items = answer.body["items"].as_array().unwrap();
    items.iter().filter_map(|item| item["job"]["id"].as_str()).map(str::to_owned).collect()
}

async fn all_completed(client: &Client, ids: &[String]) -> bool {
    for id in ids {
        if client.job(id).await.body["status"] != "completed" {
            return false;
        }
    }
    true
}

/// Violations that no JSON schema expresses are reported with their pointer, for their job only.
#[tokio::test(start_paused = true)]
async fn violations_beyond_the_schema_have_a_pointer() {
    let stack = Stack::new().await;
    let late = json!({"kind": "echo", "payload": 1, "run_at": "9999-12-31T23:59:59-23:00"});
    let jobs = vec![
        json!({"kind": "echo", "payload": 1, "priority": 1.0}),
        json!({"kind": "echo", "payload": 1}),
        late.clone(),
    ];
    let answer = send(&stack.tenant(), jobs).await;
    let items = answer.body["items"].as_array().unwrap();
    let told: Vec<_> = items.iter().map(|item| &item["problem"]["errors"][0]["pointer"]).collect();
    assert_eq!(told, [&json!("/jobs/0/priority"), &Value::Null, &json!("/jobs/2/run_at")]);

    let alone = stack.tenant().send(Method::POST, "/v1/jobs", Some(late)).await;
    assert_eq!(alone.status, 422);
    let detail = "must be an RFC 3339 time such as 2026-11-20T16:00:00Z, \
                  and before 9999-12-30T22:00:01Z";
    assert_eq!(alone.body["errors"], json!([{"detail": detail, "pointer": "/run_at"}]));
}

/// No job is called `batch`: `submit` and `poll` both answer 405 with `Allow: POST`.
#[tokio::test(start_paused = true)]
async fn batch_path_accepts_only_post() {
    let stack = Stack::new().await;
    for method in [Method::GET, Method::HEAD, Method::DELETE, Method::PUT] {
        let answer = stack.tenant().send(method.clone(), "/v1/jobs/batch", None).await;
        assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn batch_of_100_takes_4_writes_and_10_sends() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    tenant.get("/v1/kinds/echo").await;
    stack.aws.reset_ledger();
    let answer = send(&tenant, echo_jobs(100)).await;
    assert_eq!(answer.status, 202);
    insta::assert_snapshot!(stack.aws.reset_ledger(), @"
    operation            calls  messages  read  write
    BatchGetItem             1         0     1      0
    BatchWriteItem           4         0     0    100
    GetItem                  1         0     1      0
    PutItem                  1         0     0      1
    SendMessageBatch        10       100     0      0
    UpdateItem (totals)      1         0     0      1
    total                   18       100     2    102
    ");
    let ids = ids(&answer);
    assert_eq!(ids.len(), 100);
    assert!(ids.is_sorted(), "the ids are in the order given");
    assert!(stack.run_worker(HOUR).await.emptied);
    assert!(all_completed(&tenant, &ids).await);
}

#[tokio::test(start_paused = true)]
async fn each_job_is_accepted_or_refused_individually() {
    let stack = Stack::new().await;
    stack
        .define(
            "strict",
            json!({"schema": {"type": "object", "required": ["id"]}, "target": {"type": "echo"}}),
        )
        .await;
    let jobs = vec![
        json!({"kind": "echo", "payload": "x".repeat(3000)}),
        json!({"kind": "strict", "payload": {}}),
        json!({"kind": "nothing", "payload": {}}),
        json!({"payload": 1, "more": 2}),
        json!(7),
        json!({"kind": "echo", "payload": 1, "run_at": "2026-01-01T00:00:00Z", "delay_seconds": 1}),
        json!({"kind": "echo", "payload": 2, "account": "acc_01kagzwy00e40r2081040g2081"}),
        json!({"kind": "strict", "payload": {"id": 1}, "metadata": {"a": "b"}}),
    ];
    let tenant = stack.operator();
    let answer = send(&tenant, jobs).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let items = answer.body["items"].as_array().unwrap();
    let told: Vec<_> = items
        .iter()
        .map(|item| json!([item["status"], item["problem"]["errors"], item["job"]["metadata"]]))
        .collect();
    insta::assert_json_snapshot!(told);
    assert!(stack.run_worker(HOUR).await.emptied);
    assert!(all_completed(&tenant, &ids(&answer)).await);
    for bad in [
        json!({}),
        json!({"jobs": []}),
        json!({"jobs": echo_jobs(101)}),
        json!({"jobs": 1}),
        json!([]),
    ] {
        let answer = tenant.send(Method::POST, "/v1/jobs/batch", Some(bad)).await;
        assert_eq!((answer.status, answer.problem_type()), (422, "invalid-body"));
    }
}

#[tokio::test(start_paused = true)]
async fn lifo_batch_runs_last_to_first() {
    let stack = Stack::new().await;
    stack
        .define("pile", json!({"schema": {}, "target": {"type": "echo"}, "discipline": "lifo"}))
        .await;
    let tenant = stack.tenant();
    let answer =
        send(&tenant, (0..30).map(|n| json!({"kind": "pile", "payload": n})).collect()).await;
    let worker = stack.worker();
    let source = sim::EventSource::new(&stack.aws, sim::JOBS, 1);
    source
        .run_until_idle(HOUR, async |event| {
            let response = worker.handle(event, "run", stack.deadline()).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
            Ok::<_, String>(response)
        })
        .await;
    let mut started = Vec::new();
    for id in ids(&answer) {
        started.push(tenant.job(&id).await.body["started_at"].as_str().unwrap().to_owned());
    }
    started.reverse();
    assert!(started.is_sorted(), "{started:?}");
}

#[tokio::test(start_paused = true)]
async fn job_for_another_account_is_refused_individually() {
    let stack = Stack::new().await;
    let mut jobs = echo_jobs(2);
    jobs[1]["account"] = json!("acc_01kagzwy00e40r2081040g2081");
    let answer = send(&stack.tenant(), jobs).await;
    let items = answer.body["items"].as_array().unwrap();
    assert_eq!(
        (answer.status, &items[0]["status"], &items[1]["status"]),
        (202, &json!(202), &json!(403))
    );
}
