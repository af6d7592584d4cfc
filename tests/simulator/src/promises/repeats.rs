//! Repeats are safe: any number of submissions with one idempotency key make one job.

use super::{BrokenPromise, History, JobHistory};
use std::collections::BTreeSet;

const SAFE: &str = "repeats are safe";

pub(super) fn check(notes: &History) -> Vec<BrokenPromise> {
    let checks =
        notes.jobs.iter().flat_map(|job| [returned_one_id(job), created_one_job(job, notes)]);
    checks.flatten().collect()
}

/// All accepting responses contain the same job.
fn returned_one_id(job: &JobHistory) -> Option<BrokenPromise> {
    let ids: BTreeSet<_> = job.accepted().map(|told| told.body["id"].to_string()).collect();
    (job.keyed && ids.len() > 1)
        .then(|| BrokenPromise::new(SAFE, job, format!("responses contained the ids {ids:?}")))
}

/// The list contains one job per key; without a key at most as many as were submitted.
fn created_one_job(job: &JobHistory, notes: &History) -> Option<BrokenPromise> {
    let list = notes.lists.get(&job.account)?;
    let made = list.iter().filter(|listed| listed["metadata"]["mark"] == *job.mark).count();
    let most =
        if job.keyed { 1 } else { job.tries.iter().filter(|told| !told.had_no_effect()).count() };
    (made > most).then(|| {
        BrokenPromise::new(SAFE, job, format!("{made} jobs exist, at most {most} were submitted"))
    })
}
