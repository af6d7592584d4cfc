//! Events of jobs: job ends of kinds with `events`, and payloads published by the target `event`.

mod repeats;

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sim::{EventSource, Fault, JOBS, KillSwitch, Killed, Plan, Stack, run_until_killed};

use super::Subscriber;

const TIMEOUT: Duration = Duration::from_secs(600);

async fn events(stack: &Stack) -> Vec<Value> {
    let mut subscriber = Subscriber::default();
    subscriber.read_all(&stack.tenant()).await;
    subscriber.received
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn kind_with_events_publishes_job_ends() {
    let stack = Stack::new().await;
    let spec = |target: Value| {
        json!({
            "schema": {}, "target": target, "events": true, "retry": {"max_attempts": 1},
        })
    };
    stack.define("told", spec(json!({"type": "echo"}))).await;
    stack.define("broken", spec(json!({"type": "http", "url": "http://127.0.0.1:1/"}))).await;
    let tenant = stack.tenant();
    let later = json!({"kind": "told", "payload": 1, "delay_seconds": 60});
    let cancelled = tenant.send(Method::POST, "/v1/jobs", Some(later)).await.id().to_owned();
    tenant.send(Method::DELETE, &format!("/v1/jobs/{cancelled}"), None).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let completed = tenant.submit("told", json!({"x": 1})).await.id().to_owned();
    stack.run_worker(TIMEOUT).await;
    let failed = tenant.submit("broken", json!(1)).await.id().to_owned();
    tenant.submit("echo", json!("is not told")).await;
    stack.run_worker(TIMEOUT).await;

    let events = events(&stack).await;
    assert_eq!(types(&events), ["job.cancelled", "job.completed", "job.failed"]);
    for (event, id) in events.iter().zip([cancelled, completed, failed]) {
        let job = tenant.job(&id).await.body;
        assert_eq!(event["source"], job["kind"]);
        assert_eq!(
            event["data"],
            json!({
                "job_id": id, "kind": job["kind"], "status": job["status"], "error": job["error"],
            })
        );
    }
    // A retry of the job ends in another event.
    tenant
        .send(
            Method::POST,
            &format!("/v1/jobs/{}/retry", events[2]["data"]["job_id"].as_str().unwrap()),
            None,
        )
        .await;
    stack.run_worker(TIMEOUT).await;
    assert_eq!(types(&self::events(&stack).await)[3..], ["job.failed"]);
}

/// A worker dies at each of its calls in turn. The end of the job is published exactly once.
#[tokio::test(start_paused = true)]
async fn no_crash_loses_or_repeats_an_end_event() {
    for discipline in ["standard", "lifo"] {
        for nth in 2..=8 {
            for switch in [KillSwitch::before(nth), KillSwitch::after(nth)] {
                let stack = Stack::new().await;
                let spec = json!({
                    "schema": {}, "target": {"type": "echo"}, "events": true,
                    "discipline": discipline,
                });
                stack.define("told", spec).await;
                let tenant = stack.tenant();
                let id = tenant.submit("told", json!(1)).await.id().to_owned();
                deliver_and_kill(&stack, &switch).await;
                // One subscriber reads throughout.
                let mut present = Subscriber::default();
                let reading = async {
                    for _ in 0..60 {
                        present.read(&tenant, "").await;
                        tokio::time::sleep(Duration::from_secs(10)).await;
                    }
                };
                tokio::join!(stack.run_worker(TIMEOUT), reading);
                assert_eq!(tenant.job(&id).await.body["status"], "completed", "{discipline} {nth}");
                assert_eq!(types(&present.received), ["job.completed"], "{discipline} {nth}");
                assert_eq!(types(&events(&stack).await), ["job.completed"], "{discipline} {nth}");
            }
        }
    }
}

async fn deliver_and_kill(stack: &Stack, switch: &KillSwitch) {
    let worker = stack.worker();
    EventSource::new(&stack.aws, JOBS, 10)
        .deliver_once(async |event| {
            run_until_killed(worker.handle(event, "dies", stack.deadline()), switch)
                .await
                .ok_or(Killed)
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn event_target_publishes_the_payload_once() {
    for nth in 1..=6 {
        for switch in [KillSwitch::before(nth), KillSwitch::after(nth)] {
            let stack = Stack::new().await;
            stack.define("tell", json!({"schema": {}, "target": {"type": "event"}})).await;
            let tenant = stack.tenant();
            let id = tenant.submit("tell", json!({"news": 1.50})).await.id().to_owned();
            deliver_and_kill(&stack, &switch).await;
            stack.run_worker(TIMEOUT).await;
            let events = events(&stack).await;
            let job = tenant.job(&id).await.body;
            assert_eq!((&job["status"], events.len()), (&json!("completed"), 1), "{nth}");
            assert_eq!(job["result"]["event_id"], events[0]["id"], "{nth}");
            assert_eq!(
                (&events[0]["data"], &events[0]["source"], &events[0]["type"]),
                (&json!({"news": 1.50}), &json!("tell"), &json!("data"))
            );
        }
    }
    let stack = Stack::new().await;
    stack.define("tell", json!({"schema": {}, "target": {"type": "event"}})).await;
    for bad in [json!({}), json!("x".repeat(64 * 1024))] {
        let answer = stack.tenant().submit("tell", bad).await;
        assert_eq!(
            (answer.status, &answer.body["errors"][0]["pointer"]),
            (422, &json!("/payload"))
        );
    }
}

/// The first three writes of the event fail, lose their response or are slow.
#[tokio::test(start_paused = true)]
async fn outage_delays_an_event_without_duplicating_it() {
    for fault in [Fault::Before, Fault::After, Fault::Delay(Duration::from_millis(1900))] {
        for target in ["echo", "event"] {
            let stack = Stack::new().await;
            stack
                .define(
                    "told",
                    json!({"schema": {}, "target": {"type": target}, "events": target == "echo"}),
                )
                .await;
            let tenant = stack.tenant();
            tenant.submit("told", json!("x")).await;
            stack.aws.inject(Plan::new(move |operation, n| {
                if operation == "PutItem" && n <= 3 { fault } else { Fault::None }
            }));
            stack.run_worker(TIMEOUT).await;
            assert!(stack.aws.heal() > 0);
            assert_eq!(events(&stack).await.len(), 1, "{fault:?} {target}");
        }
    }
}
