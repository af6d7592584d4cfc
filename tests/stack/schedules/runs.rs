//! Jobs created by schedules.

mod dead_letters;
mod faults;

use std::time::Duration;

use http::Method;
use model::account::{Account, ApiKey, Scope};
use serde_json::{Value, json};
use sim::{JOBS, Stack, TABLE};
use store::{KindStore, Table};

use super::{NIGHTLY, SECOND, put, spec};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

async fn jobs(stack: &Stack) -> Vec<Value> {
    stack.tenant().get("/v1/jobs?limit=100").await.body["items"].as_array().unwrap().clone()
}

/// The `run_at` of jobs, oldest first.
fn run_times(jobs: &[Value]) -> Vec<&str> {
    jobs.iter().rev().map(|job| job["run_at"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_occurrence_creates_one_job() {
    let stack = Stack::new().await;
    stack
        .define(
            "long",
            json!({"schema": {}, "target": {"type": "echo"}, "retention_seconds": 864_000}),
        )
        .await;
    put(
        &stack,
        json!({
            "expression": "cron(30 4 * * ? *)", "timezone": "Europe/Berlin",
            "job": {"kind": "long", "payload": {"n": 1.50}, "priority": 3, "metadata": {"a": "b"}},
        }),
    )
    .await;
    assert!(stack.run_worker(3 * 24 * HOUR).await.emptied);
    let jobs = jobs(&stack).await;
    assert_eq!(
        run_times(&jobs),
        ["2026-11-21T03:30:00.000Z", "2026-11-22T03:30:00.000Z", "2026-11-23T03:30:00.000Z"]
    );
    let job = &jobs[0];
    assert_eq!(
        (&job["status"], &job["result"], &job["priority"], &job["metadata"], &job["created_at"]),
        (&json!("completed"), &json!({"n": 1.5}), &json!(3), &json!({"a": "b"}), &job["run_at"])
    );
}

#[tokio::test(start_paused = true)]
async fn scheduled_jobs_send_callbacks() {
    let stack = Stack::new().await;
    // No server listens at this address; an attempted delivery is enough.
    let job =
        json!({"kind": "echo", "payload": {"n": 7}, "callback_url": "http://127.0.0.1:9/told"});
    put(&stack, json!({"job": job})).await;
    stack.run_worker(6 * MINUTE).await;
    let told = stack.tenant().get("/v1/jobs?kind=tollgate.callback").await.body;
    assert_eq!(told["items"].as_array().map(Vec::len), Some(1), "{told}");
}

#[tokio::test(start_paused = true)]
async fn disabled_deleted_or_inactive_schedules_create_no_jobs() {
    let stack = Stack::new().await;
    put(&stack, json!({})).await;
    stack.run_worker(6 * MINUTE).await;
    assert_eq!(jobs(&stack).await.len(), 1);

    // The message is sent before the change and delivered after it.
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(stack.aws.fire_due_schedules(), 1);
    put(&stack, json!({"enabled": false})).await;
    assert!(stack.run_worker(HOUR).await.emptied);
    put(&stack, json!({})).await;
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(stack.aws.fire_due_schedules(), 1);
    stack.operator().send(Method::DELETE, NIGHTLY, None).await;
    assert!(stack.run_worker(HOUR).await.emptied);
    assert_eq!(jobs(&stack).await.len(), 1);

    let key = stack.create_account_key(&[Scope::JobsRead]).await.parse::<ApiKey>().unwrap();
    put(&stack, json!({"account": key.account})).await;
    let accounts = stack.accounts();
    let known = accounts.caller(&key, stack.now()).await.unwrap().unwrap();
    accounts.put_account(&Account { is_active: false, ..known.1.clone() }).await.unwrap();
    assert!(stack.run_worker(HOUR).await.emptied);
    let path = format!("/v1/jobs?account={}", key.account);
    assert_eq!(stack.operator().get(&path).await.body["items"], json!([]));
}

#[tokio::test(start_paused = true)]
async fn redelivered_message_creates_no_second_job() {
    let stack = Stack::new().await;
    stack
        .define(
            "brief",
            json!({"schema": {}, "target": {"type": "echo"}, "retention_seconds": 600}),
        )
        .await;
    put(&stack, json!({"expression": "rate(1 day)", "job": {"kind": "brief", "payload": 1}})).await;
    tokio::time::sleep(24 * HOUR).await;
    assert_eq!(stack.aws.fire_due_schedules(), 1);
    let message = stack.aws.messages(JOBS).pop().unwrap().body;
    let again = async || {
        let call = stack
            .aws
            .sqs()
            .send_message()
            .queue_url(stack.aws.queue_url(JOBS))
            .message_body(&message);
        call.send().await.unwrap();
    };
    again().await;
    stack.run_worker(MINUTE).await;
    again().await;
    stack.run_worker(MINUTE).await;
    let made = jobs(&stack).await;
    assert_eq!((made.len(), &made[0]["attempts"]), (1, &json!(1)));
    // This also holds after the job's retention has ended and TTL has deleted it.
    tokio::time::sleep(3 * 24 * HOUR).await;
    stack
        .operator()
        .send(Method::PUT, NIGHTLY, Some(spec(&stack, json!({"expression": "rate(9 days)"}))))
        .await;
    stack.aws.sweep_ttl();
    again().await;
    stack.run_worker(MINUTE).await;
    assert!(jobs(&stack).await.is_empty(), "it ran again");
}

#[tokio::test(start_paused = true)]
async fn message_without_a_time_counts_for_the_minute_it_was_sent() {
    let stack = Stack::new().await;
    put(&stack, json!({"expression": "rate(9 days)"})).await;
    tokio::time::sleep(90 * SECOND).await;
    for _ in 0..2 {
        let call = stack.aws.sqs().send_message().queue_url(stack.aws.queue_url(JOBS));
        let body = r#"{"v":1,"schedule":{"name":"nightly","at":"<aws.scheduler.scheduled-time>"}}"#;
        call.message_body(body).send().await.unwrap();
        tokio::time::sleep(SECOND).await;
    }
    stack.run_worker(MINUTE).await;
    assert_eq!(run_times(&jobs(&stack).await), ["2026-11-20T16:01:00.000Z"]);
}

/// An occurrence of a schedule is never dropped silently: the job exists and has failed.
#[tokio::test(start_paused = true)]
async fn job_no_longer_accepted_by_its_kind_fails_visibly() {
    let stack = Stack::new().await;
    let kinds = KindStore::new(Table::new(stack.aws.dynamodb(), TABLE));
    let target = json!({"type": "echo"});
    for (case, code) in
        [("gone", "kind-unknown"), ("disabled", "kind-disabled"), ("strict", "payload-invalid")]
    {
        stack.define(case, json!({"schema": {}, "target": target})).await;
        let path = format!("/v1/schedules/{case}");
        let wanted =
            json!({"expression": "rate(1 day)", "job": {"kind": case, "payload": {"n": 7}}});
        stack.operator().send(Method::PUT, &path, Some(spec(&stack, wanted))).await;
        let name = case.parse().unwrap();
        match case {
            "gone" => drop(kinds.delete(&name).await.unwrap()),
            "disabled" => {
                let version = kinds.find(&name).await.unwrap().unwrap().version;
                kinds.disable(&name, &version).await.unwrap();
            }
            _ => {
                stack.define(case, json!({"schema": {"required": ["id"]}, "target": target})).await
            }
        }
        stack.run_worker(25 * HOUR).await;
        stack.operator().send(Method::DELETE, &path, None).await;
        let made = &jobs(&stack).await[0];
        assert_eq!(
            (&made["kind"], &made["status"], &made["attempts"], &made["error"]["code"]),
            (&json!(case), &json!("failed"), &json!(0), &json!(code)),
            "{made}"
        );
    }
}
