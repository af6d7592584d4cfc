//! A worker killed during an attempt.

use std::{fs, path::Path, process::Command, time::Duration};

use live_stack::{JOB_TIMEOUT, stack};
use serde_json::json;
use tokio::sync::{RwLock, RwLockReadGuard};

use crate::target::{Behavior, Target};

/// Read lock for tests whose jobs must not be interrupted; write lock around kills.
pub static KILL_LOCK: RwLock<()> = RwLock::const_new(());

/// Prevents kills of workers while it is held.
pub async fn without_kills() -> RwLockReadGuard<'static, ()> {
    KILL_LOCK.read().await
}

#[tokio::test]
async fn killed_worker_loses_no_job() {
    let stack = stack();
    let mut target =
        Target::start(|nth| if nth == 1 { Behavior::Hang } else { Behavior::Echo }).await;
    let spec =
        json!({"schema": {}, "target": {"type": "http", "url": target.url}, "timeout_seconds": 10});
    let id = {
        let _alone = KILL_LOCK.write().await;
        stack.define("e2e-killed", spec).await;
        let id = stack.submit("e2e-killed", json!("precious")).await;
        target.wait_for_requests(1, JOB_TIMEOUT).await;
        assert_eq!(stack.job(&id).await["status"], "running");
        assert!(kill_workers() > 0, "no worker process found");
        id
    };
    // The message returns at the end of its visibility timeout, which is six times the function's
    // timeout.
    let job = stack.outcome(&id, Duration::from_secs(200)).await;
    assert_eq!(
        (&job["status"], &job["attempts"], &job["result"]),
        (&json!("completed"), &json!(2), &json!("precious"))
    );
}

/// Kills every worker of this stack with SIGKILL and returns their number.
pub fn kill_workers() -> usize {
    let port = format!(":{}", stack().endpoint.rsplit(':').next().unwrap().trim_end_matches('/'));
    let workers = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let process = entry.ok()?.path();
        is_worker(&process, &port)
            .then(|| process.file_name().unwrap().to_str().unwrap().to_owned())
    });
    workers
        .filter(|pid| {
            Command::new("kill").args(["-9", pid]).status().is_ok_and(|status| status.success())
        })
        .count()
}

fn is_worker(process: &Path, port: &str) -> bool {
    let Ok(environment) = fs::read(process.join("environ")) else { return false };
    let mut variables = environment.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let (mut worker, mut ours) = (false, false);
    for variable in &mut variables {
        worker |= variable.starts_with("AWS_LAMBDA_FUNCTION_NAME=tollgate-QueueWorkerFunction-");
        ours |= variable.starts_with("AWS_ENDPOINT_URL=") && variable.contains(port);
    }
    worker && ours
}
