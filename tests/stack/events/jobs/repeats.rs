//! Ends that are published once, despite retries and faults.

use std::time::Duration;

use http::Method;
use serde_json::json;
use sim::{EventSource, Fault, JOBS, KillSwitch, Killed, Plan, Stack, run_until_killed};

use super::{TIMEOUT, deliver_and_kill, events, types};
use crate::events::Subscriber;

/// A worker, or the function that cancels, dies at each of its calls in turn. The job is retried
/// before its end was published. Both ends are published exactly once.
#[tokio::test(start_paused = true)]
async fn end_is_published_although_the_job_was_retried() {
    let mut untold = 0;
    for (cancels, nth) in
        [false, true].into_iter().flat_map(|cancels| (2..=7).map(move |nth| (cancels, nth)))
    {
        for switch in [KillSwitch::before(nth), KillSwitch::after(nth)] {
            let stack = Stack::new().await;
            let refused = json!({"type": "http", "url": "http://127.0.0.1:1/"});
            let spec = json!({
                "schema": {}, "target": refused, "events": true, "retry": {"max_attempts": 1},
            });
            stack.define("broken", spec).await;
            let tenant = stack.tenant();
            let path = format!("/v1/jobs/{}", tenant.submit("broken", json!(1)).await.id());
            if cancels {
                run_until_killed(tenant.send(Method::DELETE, &path, None), &switch).await;
            } else {
                deliver_and_kill(&stack, &switch).await;
            }
            let (mut present, mut ends) = (Subscriber::default(), Vec::new());
            let ended = tenant.get(&path).await.body["status"].clone();
            present.read(&tenant, "").await;
            if ended == "failed" || ended == "cancelled" {
                // Longer than new events are held back.
                tokio::time::sleep(Duration::from_millis(300)).await;
                present.read(&tenant, "").await;
                untold += usize::from(present.received.is_empty());
                let again = tenant.send(Method::POST, &format!("{path}/retry"), None).await;
                assert_eq!(again.status, 202, "{again:?}");
                ends.push(format!("job.{}", ended.as_str().unwrap()));
            }
            ends.push("job.failed".to_owned());
            let reading = async {
                for _ in 0..60 {
                    present.read(&tenant, "").await;
                    tokio::time::sleep(Duration::from_secs(10)).await;
                }
            };
            tokio::join!(stack.run_worker(TIMEOUT), reading);
            for told in [present.received, events(&stack).await] {
                let mut told = types(&told);
                told.sort_unstable();
                assert_eq!(told, ends, "{cancels} {nth}");
            }
        }
    }
    assert!(untold >= 4, "{untold}");
}

/// A job is retried repeatedly, each time before the event of its end was published.
#[tokio::test(start_paused = true)]
async fn every_end_is_published_despite_immediate_retries() {
    let stack = Stack::new().await;
    let refused = json!({"type": "http", "url": "http://127.0.0.1:1/"});
    let spec =
        json!({"schema": {}, "target": refused, "events": true, "retry": {"max_attempts": 1}});
    stack.define("broken", spec).await;
    let tenant = stack.tenant();
    let path = format!("/v1/jobs/{}", tenant.submit("broken", json!(1)).await.id());
    // All writes of events fail.
    for _ in 0..5 {
        stack.aws.inject(Plan::always("PutItem", Fault::Before));
        EventSource::new(&stack.aws, JOBS, 10)
            .deliver_once(async |event| {
                Ok::<_, Killed>(stack.worker().handle(event, "can't tell", stack.deadline()).await)
            })
            .await;
        stack.aws.heal();
        assert_eq!(tenant.get(&path).await.body["status"], "failed");
        assert_eq!(tenant.send(Method::POST, &format!("{path}/retry"), None).await.status, 202);
    }
    stack.run_worker(TIMEOUT).await;
    assert_eq!(types(&events(&stack).await), ["job.failed"; 6]);
}

/// A retry does not republish an end that was published before, however long ago.
#[tokio::test(start_paused = true)]
async fn published_end_is_not_published_again() {
    for days in [0, 3, 8] {
        let stack = Stack::new().await;
        let refused = json!({"type": "http", "url": "http://127.0.0.1:1/"});
        let spec = json!({
            "schema": {}, "target": refused, "events": true, "retry": {"max_attempts": 1},
            "retention_seconds": 2_592_000,
        });
        stack.define("broken", spec).await;
        let tenant = stack.tenant();
        let path = format!("/v1/jobs/{}", tenant.submit("broken", json!(1)).await.id());
        stack.run_worker(TIMEOUT).await;
        let mut present = Subscriber::default();
        present.read_all(&tenant).await;
        tokio::time::sleep(Duration::from_secs(days * 24 * 3600)).await;
        assert_eq!(tenant.send(Method::POST, &format!("{path}/retry"), None).await.status, 202);
        stack.run_worker(TIMEOUT).await;
        present.read_all(&tenant).await;
        assert_eq!(types(&present.received), ["job.failed"; 2], "{days}");
    }
}
