//! Reported and collected usage, and a quota that it exhausts.

use crate::{
    ActorRng, World,
    scenario::{END_TIMEOUT, Request, SUBMIT_PERIOD_MS, Tenant},
};
use futures::future::join_all;
use http::Method;
use serde_json::json;
use sim::promises::{QuotaHistory, UsageTotals};
use std::time::Duration;

const LIMIT: u64 = 10_000_000;
/// The gateway's counter at its first scrape.
const INITIAL_COUNTER: u64 = 123_456;
/// Usage steps in thousandths of the limit, each with the threshold it reaches.
pub const STEPS: [(u64, Option<u64>); 5] =
    [(700, None), (799, None), (800, Some(80)), (950, Some(90)), (1010, Some(100))];

/// Defines the source and the quota, and waits for the first scrape.
pub async fn prepare(world: &impl World) {
    let account = &world.tenants()[0].account;
    let source = json!({
        "type": "prometheus",
        "url": world.url("/metrics"),
        "preset": "kong2",
        "account": account,
    });
    let quota = json!({
        "limit_bytes": LIMIT,
        "type": "egress",
        "service": "shop",
        "account": account,
        "period": "month",
        "recipients": ["ops@example.com"],
    });
    let (at, quota_at) = (source_path(world), quota_path(world));
    for (path, spec) in [(&at, source), (&quota_at, quota)] {
        assert_eq!(world.operate(Method::PUT, path, Some(spec)).await.status, Some(201));
    }
    world.targets().set_counter(INITIAL_COUNTER);
    while world.operate(Method::GET, &at, None).await.body["last_success_at"].is_null() {
        world.sleep(Duration::from_secs(60)).await;
        world.check().await;
    }
}

pub fn source_path(world: &impl World) -> String {
    format!("/v1/sources/{}", world.unique_name("kong"))
}

pub fn quota_path(world: &impl World) -> String {
    format!("/v1/quotas/{}", world.unique_name("monthly"))
}

/// Uses the quota step by step and waits until it shows each step.
pub async fn gateway(world: &impl World, steps: &[(u64, Option<u64>)]) -> QuotaHistory {
    let tenant = &world.tenants()[0];
    let mut note = QuotaHistory {
        name: world.unique_name("monthly"),
        account: tenant.account.clone(),
        ..QuotaHistory::default()
    };
    for (thousandths, threshold) in steps {
        note.used = LIMIT / 1000 * thousandths;
        note.reached.extend(*threshold);
        world.targets().set_counter(INITIAL_COUNTER + note.used);
        let give_up = world.deadline_after(END_TIMEOUT);
        while note.shown != note.used && world.now_ms() < give_up {
            world.sleep(Duration::from_secs(20)).await;
            let shown = world.retry_until_answered(tenant, Request::get(quota_path(world))).await;
            note.shown = shown.body["used"].as_u64().unwrap_or(0);
        }
        world.sleep(Duration::from_secs(100)).await;
    }
    note
}

/// Adds the sent mails to the quota's note at the end of the run.
pub async fn record_mails(world: &impl World, note: &mut QuotaHistory) {
    let percent = |subject: &String| {
        subject.rsplit(": ").next().unwrap().split(' ').next().unwrap().parse().unwrap()
    };
    note.mailed = world.mails().await.iter().map(percent).collect();
}

/// Every tenant reports usage so many times. Returns the sum of each tenant's bytes.
pub async fn reporters(world: &impl World, reports: u64) -> Vec<u64> {
    join_all(
        world.tenants().iter().enumerate().map(|(n, tenant)| reporter(world, tenant, n, reports)),
    )
    .await
}

async fn reporter(world: &impl World, tenant: &Tenant, n: usize, reports: u64) -> u64 {
    let dice = ActorRng::new(world.seed(), format!("reporter {n}"));
    let mut accepted = 0;
    for nth in 0..reports {
        world.sleep(dice.millis(0..2 * SUBMIT_PERIOD_MS / reports)).await;
        let bytes = dice.in_range(0..1_000_000);
        let data = json!({"service": "app", "route": "/", "type": "egress", "bytes": bytes});
        let event = json!({
            "specversion": "1.0",
            "type": "tollgate.bandwidth",
            "source": "/app",
            "id": nth.to_string(),
            "data": data,
        });
        let tries = if dice.chance(25) { 2 } else { 1 };
        for _ in 0..tries {
            let answer = world
                .retry_until_answered(tenant, Request::post("/v1/usage", Some(event.clone())))
                .await;
            assert_eq!(answer.status, Some(202), "{answer:?}");
        }
        accepted += bytes;
    }
    accepted
}

/// Charts at the end, each with the bytes `reported` by a tenant or measured `through` the gateway.
pub async fn charts(world: &impl World, reported: &[u64], through: u64) -> Vec<UsageTotals> {
    let mut notes = Vec::new();
    for (tenant, accepted) in world.tenants().iter().zip(reported) {
        notes.push(chart(world, tenant, "service=app", *accepted).await);
    }
    notes.push(chart(world, &world.tenants()[0], "service=shop", through).await);
    notes
}

async fn chart(world: &impl World, tenant: &Tenant, query: &str, accepted: u64) -> UsageTotals {
    let path = format!("/v1/usage?type=egress&{query}&from={}&step=1h", world.start_hour());
    let answer = world.retry_until_answered(tenant, Request::get(path)).await;
    let points = answer.body["items"].as_array().unwrap().iter();
    let shown = points.filter_map(|point| point["bandwidth_used"].as_u64()).sum();
    UsageTotals { series: format!("{} of {}", query, tenant.account), accepted, shown }
}
