//! Repeats are safe: any number of submissions with one idempotency key make one job.

use super::{Broken, JobNote, Notes};
use std::collections::BTreeSet;

const SAFE: &str = "repeats are safe";

pub(super) fn check(notes: &Notes) -> Vec<Broken> {
    let checks = notes.jobs.iter().flat_map(|job| [told_one(job), made_one(job, notes)]);
    checks.flatten().collect()
}

/// All accepting responses contain the same job.
fn told_one(job: &JobNote) -> Option<Broken> {
    let ids: BTreeSet<_> = job.accepted().map(|told| told.body["id"].to_string()).collect();
    (job.keyed && ids.len() > 1)
        .then(|| Broken::new(SAFE, job, format!("responses contained the ids {ids:?}")))
}

/// The list contains one job per key; without a key at most as many as were submitted.
fn made_one(job: &JobNote, notes: &Notes) -> Option<Broken> {
    let list = notes.lists.get(&job.account)?;
    let made = list.iter().filter(|listed| listed["metadata"]["mark"] == *job.mark).count();
    let most =
        if job.keyed { 1 } else { job.tries.iter().filter(|told| !told.is_refused()).count() };
    (made > most).then(|| {
        Broken::new(SAFE, job, format!("{made} jobs exist, at most {most} were submitted"))
    })
}
