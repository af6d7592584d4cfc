//! Tenants can't see each other's data.

use super::{BrokenPromise, History};
use std::collections::BTreeMap;

const APART: &str = "tenants can't see each other's data";

pub(super) fn check(notes: &History) -> Vec<BrokenPromise> {
    let mut owners = BTreeMap::new();
    for job in &notes.jobs {
        owners.extend(job.id().map(|id| (id, job.account.as_str())));
    }
    let shown = notes
        .foreign_reads
        .iter()
        .filter(|(_, answered)| matches!(answered.status, Some(status) if status < 400));
    let shown = shown.map(|(account, answered)| {
        BrokenPromise::new(APART, account, format!("was shown {}", answered.body))
    });
    let of_others = |account: &str, id: &str| owners.get(id).is_some_and(|owner| *owner != account);
    let listed = notes.lists.iter().flat_map(|(account, jobs)| {
        let others =
            jobs.iter().filter(|job| of_others(account, job["id"].as_str().unwrap_or_default()));
        others
            .map(|job| BrokenPromise::new(APART, account, format!("was listed {job}")))
            .collect::<Vec<_>>()
    });
    let events = notes.subscribers.iter().flat_map(|subscriber| {
        let others =
            subscriber.events.iter().filter(|event| event["account_id"] != *subscriber.account);
        others
            .map(|event| BrokenPromise::new(APART, &subscriber.name, format!("was sent {event}")))
            .collect::<Vec<_>>()
    });
    let rows = notes.rows.iter().flat_map(|(account, rows)| {
        let mine = |key: &str| key.starts_with(account.as_str());
        let others = rows.iter().filter(|row| !row["key"].as_str().is_some_and(mine));
        others
            .map(|row| BrokenPromise::new(APART, account, format!("was shown the row {row}")))
            .collect::<Vec<_>>()
    });
    shown.chain(listed).chain(events).chain(rows).collect()
}
