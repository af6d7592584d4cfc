//! Clients that submit jobs, watch them until they end, and cancel or retry some.

use crate::{
    ActorRng, World,
    scenario::{END_TIMEOUT, FAULT_PERIOD, Request, SUBMIT_PERIOD_MS, Tenant},
    target::payload,
};
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use sim::promises::{JobHistory, RequestOutcome, TargetAction};
use std::time::Duration;

/// Jobs per batch.
const BATCH: u64 = 4;

/// Submits so many jobs and waits until all have ended.
pub async fn clients(world: &impl World, jobs: u64) {
    let mut clients = Vec::new();
    let mut n = 0;
    while n < jobs {
        let dice = ActorRng::new(world.seed(), format!("client {n}"));
        let size = if dice.chance(10) { BATCH.min(jobs - n) } else { 1 };
        clients.push(client(world, dice, n..n + size));
        n += size;
    }
    join_all(clients).await;
}

/// One client with a single job or a batch.
async fn client(world: &impl World, dice: ActorRng, numbers: std::ops::Range<u64>) {
    world.sleep(dice.millis(0..SUBMIT_PERIOD_MS)).await;
    let tenant =
        &world.tenants()[usize::try_from(dice.in_range(0..world.tenants().len() as u64)).unwrap()];
    let is_batch = numbers.end - numbers.start > 1;
    let keyed = is_batch || dice.chance(80);
    let jobs: Vec<_> = numbers.map(|n| new_job(world, &dice, tenant, n, keyed)).collect();
    let (mut notes, bodies): (Vec<_>, Vec<_>) = jobs.into_iter().unzip();
    let key = keyed.then(|| notes[0].mark.clone());
    submit(world, tenant, &dice, &mut notes, bodies, key).await;
    let stories = notes.into_iter().enumerate().map(|(n, note)| {
        let dice = ActorRng::new(world.seed(), format!("story {} {n}", note.mark));
        async move { follow(world, tenant, &dice, note).await }
    });
    join_all(stories).await;
}

/// A job to submit: its note and the request body.
fn new_job(
    world: &impl World,
    dice: &ActorRng,
    tenant: &Tenant,
    n: u64,
    keyed: bool,
) -> (JobHistory, Value) {
    let mark = format!("{}/{n}", tenant.account);
    let (kind, max_attempts, tells) = match dice.in_range(0..100) {
        0..15 => ("plain", 4, true),
        15..33 => ("newest", 5, true),
        33..52 => ("hook", 5, false),
        52..70 => ("ranked", 6, true),
        70..82 => ("news", 5, false),
        82..94 => ("kept", 6, false),
        _ => ("brief", 4, false),
    };
    let (work, payload) = match kind {
        "hook" | "ranked" => (TargetAction::Http, payload(&mark)),
        "news" => (TargetAction::Event, payload(&mark)),
        "kept" => rows(dice, &mark, tenant),
        _ => (TargetAction::Echo, payload(&mark)),
    };
    let mut body = json!({
        "kind": kind,
        "payload": payload,
        "metadata": {"mark": mark},
        "priority": dice.in_range(0..10),
    });
    match dice.in_range(0..100) {
        0..20 => body["delay_seconds"] = world.delay_seconds(dice.in_range(1..120)).into(),
        20..26 => body["delay_seconds"] = world.delay_seconds(dice.in_range(950..1100)).into(),
        _ => {}
    }
    let calls_back = dice.chance(25);
    if calls_back {
        body["callback_url"] = json!(world.url("/told"));
    }
    let account = tenant.account.clone();
    let kind = kind.to_owned();
    let note = JobHistory {
        account,
        kind,
        mark,
        keyed,
        max_attempts,
        payload,
        action: work,
        publishes_end: tells,
        has_callback: calls_back,
        ..JobHistory::default()
    };
    (note, body)
}

/// Some rows of the job's own, sometimes with one that exists already, so that none can be written.
fn rows(dice: &ActorRng, mark: &str, tenant: &Tenant) -> (TargetAction, Value) {
    let keys: Vec<_> = (0..dice.in_range(1..4)).map(|n| format!("{mark}/{n}")).collect();
    let mut all = keys.clone();
    if dice.chance(20) {
        all.push(existing_row(tenant));
    }
    let insert = |key: &String| {
        json!({
            "operation": "insert", "table": "kept",
            "col_names": ["id"], "col_types": ["TEXT"], "col_values": [key],
        })
    };
    (TargetAction::Rows(keys), json!({"activities": all.iter().map(insert).collect::<Vec<_>>()}))
}

/// A row that a tenant has from the start.
fn existing_row(tenant: &Tenant) -> String {
    format!("{}/taken", tenant.account)
}

/// Inserts one row per tenant that some jobs later try to insert again.
pub async fn insert_existing_rows(world: &impl World) {
    for tenant in world.tenants() {
        let insert = json!({
            "operation": "insert",
            "table": "kept",
            "col_names": ["id"],
            "col_types": ["TEXT"],
            "col_values": [existing_row(tenant)],
        });
        let body = json!({"kind": "kept", "payload": {"activities": [insert]}});
        assert_eq!(
            world.retry_until_answered(tenant, Request::post("/v1/jobs", Some(body))).await.status,
            Some(202)
        );
    }
}

/// Submits jobs. With an idempotency key it repeats until they are accepted, and sometimes once
/// more; without one it submits once.
async fn submit(
    world: &impl World,
    tenant: &Tenant,
    dice: &ActorRng,
    notes: &mut [JobHistory],
    bodies: Vec<Value>,
    key: Option<String>,
) {
    let request = match &bodies[..] {
        [body] => Request::post("/v1/jobs", Some(body.clone())),
        all => Request::post("/v1/jobs/batch", Some(json!({"jobs": all}))),
    };
    let request = request.with_key(key.clone());
    let mut again = key.is_some() && dice.chance(15);
    loop {
        let told = world.send_request(tenant, request.clone()).await;
        let status = told.status;
        for (n, note) in notes.iter_mut().enumerate() {
            note.tries.push(batch_item_outcome(&told, n));
        }
        match status {
            Some(202) if again => again = false,
            Some(202) => return,
            Some(409 | 429) | None | Some(500..) if key.is_some() => {}
            Some(500..) | None => return,
            _ => panic!("unexpected response to {bodies:?}: {told:?}"),
        }
        world.sleep(dice.seconds(1..20)).await;
    }
}

/// The result of one job in a batch's response.
fn batch_item_outcome(told: &RequestOutcome, n: usize) -> RequestOutcome {
    match told.body["items"].get(n) {
        Some(item) => {
            let status = item["status"].as_u64().and_then(|status| u16::try_from(status).ok());
            RequestOutcome { span: told.span, status, body: item["job"].clone() }
        }
        None => told.clone(),
    }
}

/// Watches a job until it ends and records what it sees.
async fn follow(world: &impl World, tenant: &Tenant, dice: &ActorRng, mut note: JobHistory) {
    if let Some(path) = note.id().map(|id| format!("/v1/jobs/{id}")) {
        if dice.chance(20) {
            let other = world.other_tenant(tenant);
            let shown = world.send_request(other, Request::get(&path)).await;
            world.notes().borrow_mut().foreign_reads.push((other.account.clone(), shown));
        }
        if dice.chance(12) {
            world.sleep(dice.millis(0..20_000)).await;
            cancel(world, tenant, &path, &mut note).await;
        }
        watch(world, tenant, dice, &path, &mut note).await;
        let can_go_on = |note: &JobHistory| {
            note.last().is_some_and(|last| last.has_ended() && last.job_status() != "completed")
        };
        while note.retries.len() < 3 && can_go_on(&note) && dice.chance(60) {
            let retry =
                world.send_request(tenant, Request::post(format!("{path}/retry"), None)).await;
            note.retries.push(retry);
            watch(world, tenant, dice, &path, &mut note).await;
        }
    }
    world.notes().borrow_mut().jobs.push(note);
}

async fn cancel(world: &impl World, tenant: &Tenant, path: &str, note: &mut JobHistory) {
    let told =
        world.send_request(tenant, Request { method: Method::DELETE, ..Request::get(path) }).await;
    if matches!(told.status, Some(200 | 202)) {
        note.reads.push(told.clone());
    }
    note.cancels.push(told);
}

/// Reads a job at growing intervals until it ends, and twice more.
async fn watch(
    world: &impl World,
    tenant: &Tenant,
    dice: &ActorRng,
    path: &str,
    note: &mut JobHistory,
) {
    let give_up = world.deadline_after(FAULT_PERIOD + END_TIMEOUT);
    let (mut pause, mut more) = (Duration::from_secs(1), 2);
    while more > 0 && world.now_ms() < give_up {
        world.sleep(pause + dice.millis(0..1000)).await;
        pause = (pause * 2).min(Duration::from_secs(90));
        let look = world.send_request(tenant, Request::get(path)).await;
        match look.status {
            Some(200) if look.has_ended() => more -= 1,
            Some(404) => more = 0,
            _ => {}
        }
        note.reads.push(look);
    }
}

/// Reads a job and its attempts at the end of the run.
pub async fn read_final_state(world: &impl World, tenant: &Tenant, note: &mut JobHistory) {
    let Some(path) = note.id().map(|id| format!("/v1/jobs/{id}")) else { return };
    let look = world.retry_until_answered(tenant, Request::get(&path)).await;
    let is_there = look.status == Some(200);
    note.reads.push(look);
    if is_there {
        let attempts =
            world.retry_until_answered(tenant, Request::get(format!("{path}/attempts"))).await;
        note.attempts = attempts.body["items"].as_array().cloned().unwrap_or_default();
    }
}
