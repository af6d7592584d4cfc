//! Jobs of a tenant with a concurrency limit of one. Their messages return to the queue until it is
//! their turn, more often than recursive loop detection would allow.

use crate::world::SimulatedWorld;
use http::Method;
use serde_json::json;
use std::time::Duration;
use workload::{
    World,
    scenario::{Request, Tenant},
};

/// Each job takes 9 s and messages return every 15 s on average, so the last jobs are received
/// about twenty times.
const JOBS: usize = 30;

/// Sets a tenant's concurrency limit to one and defines the kind.
pub async fn prepare(world: &SimulatedWorld, tenant: &Tenant) {
    let path = format!("/v1/accounts/{}", tenant.account);
    let capped = world.operate(Method::PATCH, &path, Some(json!({"max_running": 1}))).await;
    assert_eq!(capped.status, Some(200));
    let target = json!({"type": "http", "url": world.url("/slow")});
    world
        .stack
        .define("line", json!({"schema": {}, "target": target, "timeout_seconds": 10}))
        .await;
}

/// Submits all jobs in one batch. The tenant's list shows whether they end.
pub async fn submit(world: &SimulatedWorld, tenant: &Tenant) {
    let jobs = vec![json!({"kind": "line", "payload": 1}); JOBS];
    let batch = Request::post("/v1/jobs/batch", Some(json!({"jobs": jobs})));
    let batch = batch.with_key(Some("line".to_owned()));
    // A 409 means that an earlier try is still in progress.
    let told = loop {
        match world.retry_until_answered(tenant, batch.clone()).await {
            told if told.status == Some(202) => break told,
            _ => world.sleep(Duration::from_secs(2)).await,
        }
    };
    let ids =
        told.body["items"].as_array().unwrap().iter().filter_map(|item| item["job"]["id"].as_str());
    world.notes.borrow_mut().accepted.extend(ids.map(str::to_owned));
}
