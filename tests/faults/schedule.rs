//! An operator's schedule, some of whose occurrences Scheduler gives up or never sends.

use crate::world::SimulatedWorld;
use http::Method;
use model::time::Time;
use serde_json::{Value, json};
use sim::{Fate, promises::OccurrenceHistory};
use std::time::Duration;
use workload::{ActorRng, World};

/// Kind of the schedule's jobs. No client submits it, and it publishes no events.
const KIND: &str = "regular";

/// Defines the schedule for the first tenant.
pub async fn prepare(world: &SimulatedWorld) {
    world.stack.define(KIND, json!({"schema": {}, "target": {"type": "echo"}})).await;
    let seed = world.seed;
    world.stack.aws.decide_occurrences(move |name, due_ms| {
        match ActorRng::new(seed, format!("{name} {due_ms}")).in_range(0..100) {
            0..75 => Fate::OnTime,
            75..90 => Fate::DeadLettered,
            _ => Fate::Lost,
        }
    });
    assert_eq!(put(world, "rate(2 minutes)").await, Some(201));
}

/// Stops the schedule after the faults and waits for Scheduler's dead letters. The schedule stays
/// defined, because an occurrence that arrives after its deletion makes no job.
pub async fn end(world: &SimulatedWorld) {
    assert_eq!(put(world, "rate(300 days)").await, Some(200));
    while world.stack.aws.pending_dead_letters() > 0 {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

async fn put(world: &SimulatedWorld, expression: &str) -> Option<u16> {
    let (account, job) = (&world.tenants[0].account, json!({"kind": KIND, "payload": {}}));
    let spec = json!({"expression": expression, "account": account, "job": job});
    world.operate(Method::PUT, "/v1/schedules/regular", Some(spec)).await.status
}

/// The result of each occurrence, from the `list` of the tenant's jobs.
pub fn occurrences(world: &SimulatedWorld, list: &[Value]) -> Vec<OccurrenceHistory> {
    let notes = world.stack.aws.occurrences().into_iter().map(|occurrence| {
        // Scheduler sends whole seconds.
        let at = Time::from_seconds(occurrence.due_ms.div_euclid(1000)).to_string();
        let is_its = |job: &&Value| job["kind"] == KIND && job["run_at"] == *at;
        let jobs = list.iter().filter(is_its).cloned().collect();
        OccurrenceHistory { at, is_delivered: occurrence.fate != Fate::Lost, jobs }
    });
    notes.collect()
}
