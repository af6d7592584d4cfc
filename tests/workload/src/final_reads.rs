//! Reads everything at the end of a run.

use crate::{
    World, jobs,
    scenario::{Request, Tenant},
};
use serde_json::Value;
use sim::promises::History;

/// Reads every job, list and row once more.
pub async fn read_all(world: &impl World, notes: &mut History) {
    for note in &mut notes.jobs {
        let tenant = world.tenants().iter().find(|tenant| tenant.account == note.account).unwrap();
        jobs::read_final_state(world, tenant, note).await;
    }
    for tenant in world.tenants() {
        notes
            .lists
            .insert(tenant.account.clone(), all_pages(world, tenant, "/v1/jobs?limit=100").await);
        notes.rows.insert(
            tenant.account.clone(),
            all_pages(world, tenant, "/v1/tables/kept/rows?limit=100").await,
        );
    }
}

/// Whether no job is queued or running.
pub async fn all_jobs_ended(world: &impl World) -> bool {
    for tenant in world.tenants() {
        let jobs = all_pages(world, tenant, "/v1/jobs?limit=100").await;
        if jobs.iter().any(|job| job["status"] == "queued" || job["status"] == "running") {
            return false;
        }
    }
    true
}

/// All pages of a list.
async fn all_pages(world: &impl World, tenant: &Tenant, path: &str) -> Vec<Value> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let page =
            world.retry_until_answered(tenant, Request::get(format!("{path}{cursor}"))).await;
        items.extend(
            page.body["items"].as_array().unwrap_or_else(|| panic!("{page:?}")).iter().cloned(),
        );
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}
