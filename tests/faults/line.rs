//! A line of jobs of a tenant who may run one at once: their messages go round the queue until it is
//! their turn, which is more often than Lambda lets a loop go on.

use crate::{
    scenario::{Request, Tenant},
    world::World,
};
use http::Method;
use serde_json::json;
use std::time::Duration;

/// Each takes 9 s, and between two looks pass 15 s on average: the last ones look twenty times.
const JOBS: usize = 30;

/// Lets one job of a tenant run at once, and defines what the line is of.
pub async fn prepare(world: &World, tenant: &Tenant) {
    let path = format!("/v1/accounts/{}", tenant.account);
    let capped = world.operate(Method::PATCH, &path, Some(json!({"max_running": 1}))).await;
    assert_eq!(capped.status, Some(200));
    let target = json!({"type": "http", "url": world.address("/slow")});
    world
        .stack
        .define("line", json!({"schema": {}, "target": target, "timeout_seconds": 10}))
        .await;
}

/// Asks for all of them at once. That they end, the tenant's list tells.
pub async fn ask(world: &World, tenant: &Tenant) {
    let jobs = vec![json!({"kind": "line", "payload": 1}); JOBS];
    let batch = Request::post("/v1/jobs/batch", Some(json!({"jobs": jobs})));
    let batch = batch.under(Some("line".to_owned()));
    // A 409 says that an earlier try is still under way.
    let told = loop {
        match world.insist(tenant, batch.clone()).await {
            told if told.status == Some(202) => break told,
            _ => world.sleep(Duration::from_secs(2)).await,
        }
    };
    let ids =
        told.body["items"].as_array().unwrap().iter().filter_map(|item| item["job"]["id"].as_str());
    world.notes.borrow_mut().accepted.extend(ids.map(str::to_owned));
}
