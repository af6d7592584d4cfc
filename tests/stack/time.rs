//! Jobs that are due later: by SQS delay or on the due list.

use std::time::Duration;

use http::Method;
use model::time::Time;
use serde_json::{Value, json};
use sim::{ApiResponse, Client, Fault, JOBS, Plan, Stack};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn submit(client: &Client, more: Value) -> ApiResponse {
    let mut body = json!({"kind": "echo", "payload": 1});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.send(Method::POST, "/v1/jobs", Some(body)).await
}

fn time(value: &Value) -> Time {
    value.as_str().unwrap_or_else(|| panic!("{value}")).parse().unwrap()
}

/// How long after its `run_at` a job started.
fn lateness(job: &Value) -> Duration {
    assert_eq!(job["status"], "completed", "{job}");
    assert!(time(&job["started_at"]) >= time(&job["run_at"]), "early: {job}");
    time(&job["started_at"]).since(time(&job["run_at"]))
}

#[tokio::test(start_paused = true)]
async fn short_delay_uses_the_sqs_delay() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let before = stack.now();
    let answer = submit(&tenant, json!({"delay_seconds": 600})).await;
    assert_eq!(time(&answer.body["run_at"]), before + 10 * MINUTE);
    assert_eq!((answer.header("retry-after"), stack.aws.schedules().len()), ("60", 0));
    assert!(!stack.run_worker(9 * MINUTE).await.emptied);
    assert_eq!(tenant.job(answer.id()).await.body["status"], "queued");
    assert!(stack.run_worker(HOUR).await.emptied);
    let job = tenant.job(answer.id()).await.body;
    assert!(lateness(&job) < Duration::from_secs(2), "{job}");
    assert_eq!(job["attempts"], 1);
}

fn due_list_len(stack: &Stack) -> usize {
    stack
        .aws
        .items()
        .iter()
        .filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("DUE#"))
        .count()
}

#[tokio::test(start_paused = true)]
async fn longer_delays_use_the_due_list_and_start_on_time() {
    for delay in [20 * MINUTE, 3 * DAY, 365 * DAY] {
        let stack = Stack::new().await;
        let tenant = stack.tenant();
        let run_at = stack.now() + delay;
        let by_delay = submit(&tenant, json!({"delay_seconds": delay.as_secs()})).await;
        let by_time = submit(&tenant, json!({"run_at": run_at})).await;
        assert_eq!(
            (time(&by_delay.body["run_at"]), time(&by_time.body["run_at"])),
            (run_at, run_at)
        );
        assert_eq!(
            (due_list_len(&stack), stack.aws.messages(JOBS).len(), stack.aws.schedules().len()),
            (2, 0, 0)
        );
        tokio::time::sleep(delay.saturating_sub(20 * MINUTE)).await;
        stack.run_for(6 * MINUTE).await;
        assert_eq!(stack.aws.messages(JOBS).len(), 0, "not yet released");
        stack.run_for(15 * MINUTE).await;
        for answer in [by_delay, by_time] {
            let job = tenant.job(answer.id()).await.body;
            assert!(lateness(&job) < Duration::from_secs(2), "{job}");
            assert_eq!(job["attempts"], 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn cancelled_job_does_not_run() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    for seconds in [600, 3600] {
        let id = submit(&tenant, json!({"delay_seconds": seconds})).await.id().to_owned();
        let answer = tenant.send(Method::DELETE, &format!("/v1/jobs/{id}"), None).await;
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!("cancelled")));
        stack.run_for(70 * MINUTE).await;
        let job = tenant.job(&id).await.body;
        assert_eq!((&job["status"], &job["attempts"]), (&json!("cancelled"), &json!(0)));
        assert!(stack.aws.messages(JOBS).is_empty());
    }
}

/// A far job that was cancelled and then retried runs immediately, and not again at its original
/// time.
#[tokio::test(start_paused = true)]
async fn cancelled_and_retried_job_runs_once() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let id = submit(&tenant, json!({"delay_seconds": 3600})).await.id().to_owned();
    tenant.send(Method::DELETE, &format!("/v1/jobs/{id}"), None).await;
    assert_eq!(tenant.send(Method::POST, &format!("/v1/jobs/{id}/retry"), None).await.status, 202);
    stack.run_for(90 * MINUTE).await;
    let job = tenant.job(&id).await.body;
    assert_eq!((&job["status"], &job["attempts"]), (&json!("completed"), &json!(1)));
}

#[tokio::test(start_paused = true)]
async fn invalid_times_are_refused() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let now = stack.now();
    for (bad, pointer) in [
        (json!({"delay_seconds": 1, "run_at": now}), "/run_at"),
        (json!({"delay_seconds": -1}), "/delay_seconds"),
        (json!({"delay_seconds": 31_536_001}), "/delay_seconds"),
        (json!({"delay_seconds": 1.5}), "/delay_seconds"),
        (json!({"run_at": now + 366 * DAY}), "/run_at"),
        (json!({"run_at": "tomorrow"}), "/run_at"),
        (json!({"run_at": 7}), "/run_at"),
    ] {
        let answer = submit(&tenant, bad.clone()).await;
        assert_eq!(
            (answer.status, &answer.body["errors"][0]["pointer"]),
            (422, &json!(pointer)),
            "{bad}: {answer:?}"
        );
    }
    let passed = submit(&tenant, json!({"run_at": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(time(&passed.body["run_at"]), now);
    stack.run_worker(MINUTE).await;
    assert_eq!(tenant.job(passed.id()).await.body["status"], "completed");
}

/// A failing write of the due list is a 503 and leaves no job. A lost response is not a failure. A
/// repeat adds no second entry.
#[tokio::test(start_paused = true)]
async fn accepted_far_job_is_on_the_due_list() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    stack.aws.inject(Plan::always("PutItem", Fault::Before));
    let answer = submit(&tenant, json!({"delay_seconds": 3600})).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "1"));
    stack.aws.heal();
    assert_eq!(
        (tenant.get("/v1/jobs").await.body["items"].clone(), due_list_len(&stack)),
        (json!([]), 0)
    );

    stack.aws.inject(Plan::new(|operation, nth| match (operation, nth) {
        ("PutItem", 2 | 3) => Fault::After,
        _ => Fault::None,
    }));
    let keyed = tenant.with("idempotency-key", "k");
    let first = submit(&keyed, json!({"delay_seconds": 3600})).await;
    assert_eq!((first.status, stack.aws.heal()), (202, 2));
    let again = submit(&keyed, json!({"delay_seconds": 3600})).await;
    assert_eq!((again.status, &again.body), (202, &first.body));
    assert_eq!(due_list_len(&stack), 1);
    stack.run_for(70 * MINUTE).await;
    assert_eq!(tenant.job(first.id()).await.body["attempts"], 1);
}

/// The first request dies after it stored its idempotency record. The repeat, half an hour later,
/// keeps the original due time.
#[tokio::test(start_paused = true)]
async fn resumed_request_keeps_its_due_time() {
    let stack = Stack::new().await;
    let run_at = stack.now() + HOUR;
    for (path, body) in [
        ("/v1/jobs", json!({"kind": "echo", "payload": 1, "run_at": run_at})),
        ("/v1/jobs/batch", json!({"jobs": [{"kind": "echo", "payload": 1, "run_at": run_at}]})),
    ] {
        let tenant = stack.tenant().with("idempotency-key", path);
        let switch = sim::KillSwitch::after(3);
        let first = tenant.send(Method::POST, path, Some(body.clone()));
        assert!(
            sim::run_until_killed(first, &switch).await.is_none(),
            "the key, the kind and the idempotency record"
        );
        tokio::time::sleep(20 * MINUTE).await;
        let answer = tenant.send(Method::POST, path, Some(body)).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let job = answer.body.pointer("/items/0/job").unwrap_or(&answer.body);
        assert_eq!(time(&job["run_at"]), run_at, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn batch_may_mix_short_and_long_delays() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let jobs: Vec<_> = [0, 60, 3600, 7200]
        .map(|delay| json!({"kind": "echo", "payload": delay, "delay_seconds": delay}))
        .into();
    let answer = tenant.send(Method::POST, "/v1/jobs/batch", Some(json!({"jobs": jobs}))).await;
    assert_eq!(answer.status, 202);
    assert_eq!((stack.aws.messages(JOBS).len(), due_list_len(&stack)), (2, 2));
    stack.run_for(130 * MINUTE).await;
    for item in answer.body["items"].as_array().unwrap() {
        let job = tenant.job(item["job"]["id"].as_str().unwrap()).await.body;
        assert!(lateness(&job) < Duration::from_secs(2), "{job}");
    }
}
