//! Ordered kinds on a real, unordered queue.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use live_stack::{Stack, stack};
use reqwest::Method;
use serde_json::{Value, json};

use crate::crash::{KILL_LOCK, kill_workers};

/// Number of jobs; `LIFO_JOBS=1000` for the long version.
fn number() -> usize {
    std::env::var("LIFO_JOBS").map_or(30, |number| number.parse().unwrap())
}

/// The worker's event source mapping, which tests disable and enable.
struct WorkerMapping<'a> {
    stack: &'a Stack,
    id: String,
}

impl<'a> WorkerMapping<'a> {
    async fn of(stack: &'a Stack) -> Self {
        let all = stack.emulator(Method::GET, "/2015-03-31/event-source-mappings/", None).await;
        let jobs = stack.queue_url.rsplit('/').next().unwrap();
        let all = all["EventSourceMappings"].as_array().unwrap();
        let mapping = all
            .iter()
            .find(|one| one["EventSourceArn"].as_str().unwrap().ends_with(&format!(":{jobs}")));
        Self { stack, id: mapping.unwrap()["UUID"].as_str().unwrap().to_owned() }
    }

    async fn set(&self, change: Value) {
        let path = format!("/2015-03-31/event-source-mappings/{}", self.id);
        self.stack.emulator(Method::PUT, &path, Some(change)).await;
    }

    /// Stops deliveries.
    async fn pause(&self) {
        self.set(json!({"Enabled": false})).await;
        // A poll in progress still receives messages.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }

    /// Delivers one message at a time.
    async fn one_at_a_time(&self) {
        let one = json!({"ReservedConcurrentExecutions": 1});
        self.stack.emulator(Method::PUT, &self.concurrency(), Some(one)).await;
        self.set(json!({"Enabled": true, "BatchSize": 1})).await;
    }

    /// Restores the template's settings.
    async fn resume(&self) {
        self.stack.emulator(Method::DELETE, &self.concurrency(), None).await;
        self.set(json!({"Enabled": true, "BatchSize": 10})).await;
    }

    fn concurrency(&self) -> String {
        format!("/2017-10-31/functions/{}/concurrency", self.stack.function("queue-worker"))
    }
}

async fn submit_batch(stack: &Stack, kind: &str, priorities: &[u8]) -> Vec<String> {
    let mut ids = Vec::new();
    for portion in priorities.chunks(100) {
        let jobs: Vec<_> = portion
            .iter()
            .map(|priority| json!({"kind": kind, "payload": 1, "priority": priority}))
            .collect();
        let answer =
            stack.send(Method::POST, "/v1/jobs/batch", &[], Some(json!({"jobs": jobs}))).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let items = answer.body["items"].as_array().unwrap();
        ids.extend(items.iter().map(|item| item["job"]["id"].as_str().unwrap().to_owned()));
    }
    ids
}

/// The jobs by start time. All must complete.
async fn ids_by_start(stack: &Stack, ids: &[String]) -> Vec<String> {
    let patience =
        Duration::from_secs(120) + Duration::from_millis(300) * u32::try_from(ids.len()).unwrap();
    let mut times = Vec::new();
    for id in ids {
        let job = stack.outcome(id, patience).await;
        assert_eq!(job["status"], "completed", "{job}");
        times.push((job["started_at"].as_str().unwrap().to_owned(), id.clone()));
    }
    times.sort();
    times.into_iter().map(|(_, id)| id).collect()
}

#[tokio::test]
async fn ordered_jobs_run_strictly_in_order_one_at_a_time() {
    let _alone = KILL_LOCK.write().await;
    let stack = stack();
    let tap = WorkerMapping::of(stack).await;
    stack
        .define("e2e-lifo", json!({"schema": {}, "target": {"type": "echo"}, "discipline": "lifo"}))
        .await;
    stack
        .define(
            "e2e-priority",
            json!({"schema": {}, "target": {"type": "echo"}, "discipline": "priority"}),
        )
        .await;
    tap.pause().await;
    let lifo = submit_batch(stack, "e2e-lifo", &vec![0; number()]).await;
    let priorities: Vec<u8> = (0..number()).map(|n| u8::try_from(n * 7 % 10).unwrap()).collect();
    let priority = submit_batch(stack, "e2e-priority", &priorities).await;
    tap.one_at_a_time().await;
    let ran = async { (ids_by_start(stack, &lifo).await, ids_by_start(stack, &priority).await) };
    // Restores the worker for later tests even after a failure.
    let ran = AssertUnwindSafe(ran).catch_unwind().await;
    tap.resume().await;
    let (lifo_began, priority_began) = ran.unwrap();
    assert_eq!(lifo_began, lifo.into_iter().rev().collect::<Vec<_>>());
    let mut expected: Vec<_> = priorities.into_iter().zip(priority).collect();
    expected.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    assert_eq!(priority_began, expected.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
}

/// With many concurrent jobs and killed workers no job is lost. Messages of a killed worker return
/// after the visibility timeout.
#[tokio::test]
async fn killed_workers_lose_no_jobs() {
    let stack = stack();
    let ids = {
        let _alone = KILL_LOCK.write().await;
        stack
            .define(
                "e2e-lifo",
                json!({"schema": {}, "target": {"type": "echo"}, "discipline": "lifo"}),
            )
            .await;
        let mut ids = submit_batch(stack, "e2e-lifo", &[0; 100]).await;
        let mut killed = kill_workers();
        ids.extend(submit_batch(stack, "e2e-lifo", &[0; 100]).await);
        killed += kill_workers();
        assert!(killed > 0, "no worker process found");
        ids
    };
    ids_by_start(stack, &ids).await;
}
