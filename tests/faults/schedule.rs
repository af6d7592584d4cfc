//! An operator's schedule, of whose occurrences Scheduler gives some up and forgets others.

use crate::{dice::Dice, scenario::Tenant, world::World};
use http::Method;
use serde_json::{Value, json};
use shared::time::Time;
use sim::{Fate, promises::OccurrenceNote};
use std::time::Duration;

const PATH: &str = "/v1/schedules/regular";
/// Of its jobs: it is no other client's, and tells of no end.
const KIND: &str = "regular";

/// Defines it, for the first tenant.
pub async fn prepare(world: &World) {
    world.stack.define(KIND, json!({"schema": {}, "target": {"type": "echo"}})).await;
    let seed = world.seed;
    world.stack.aws.decide_occurrences(move |name, due_ms| {
        match Dice::new(seed, format!("{name} {due_ms}")).among(0..100) {
            0..75 => Fate::OnTime,
            75..90 => Fate::GivenUp,
            _ => Fate::Never,
        }
    });
    let spec = json!({
        "expression": "rate(2 minutes)", "account": world.tenants[0].account,
        "job": {"kind": KIND, "payload": {}},
    });
    assert_eq!(world.operate(Method::PUT, PATH, Some(spec)).await.status, Some(201));
}

/// Deletes it when the faults are over, and waits for what Scheduler still has to hand over.
pub async fn end(world: &World) {
    assert_eq!(world.operate(Method::DELETE, PATH, None).await.status, Some(204));
    while world.stack.aws.undelivered() > 0 {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

/// What came of each occurrence, by the `list` of the tenant's jobs.
pub fn occurrences(world: &World, list: &[Value]) -> Vec<OccurrenceNote> {
    let notes = world.stack.aws.occurrences().into_iter().map(|occurrence| {
        // Scheduler tells whole seconds.
        let at = Time::from_seconds(occurrence.due_ms.div_euclid(1000)).to_string();
        let is_its = |job: &&Value| job["kind"] == KIND && job["run_at"] == *at;
        let jobs = list.iter().filter(is_its).cloned().collect();
        OccurrenceNote { at, is_delivered: occurrence.fate != Fate::Never, jobs }
    });
    notes.collect()
}

/// Lets one job of a tenant run at once: those that wait for their turn go round the queue many
/// times.
pub async fn cap(world: &World, tenant: &Tenant) {
    let path = format!("/v1/accounts/{}", tenant.account);
    let capped = world.operate(Method::PATCH, &path, Some(json!({"max_running": 1}))).await;
    assert_eq!(capped.status, Some(200));
}
