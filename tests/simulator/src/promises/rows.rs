//! Rows are applied all or none, and once.

use super::{BrokenPromise, History, JobHistory, TargetAction};
use std::collections::BTreeSet;

const WHOLE: &str = "a job's rows are applied all or none";

pub(super) fn check(notes: &History) -> Vec<BrokenPromise> {
    let kept = |job: &JobHistory| -> BTreeSet<String> {
        let rows = notes.rows.get(&job.account).into_iter().flatten();
        rows.filter_map(|row| row["key"].as_str().map(str::to_owned)).collect()
    };
    let jobs = notes.jobs.iter().filter_map(|job| match &job.action {
        TargetAction::Rows(keys) => Some((job, keys, job.last()?)),
        _ => None,
    });
    let checks = jobs.filter_map(|(job, keys, last)| {
        let rows = kept(job);
        let there = keys.iter().filter(|key| rows.contains(*key)).count();
        // Rows applied before the worker died or the client cancelled the job remain.
        let is_known =
            last.job_status() == "completed" || last.body["error"]["code"] == "row-conflict";
        let expected = if last.job_status() == "completed" { keys.len() } else { 0 };
        let is_whole = there == 0 || there == keys.len();
        let seen = format!("status {}, {there} of {} rows exist", last.job_status(), keys.len());
        (!is_whole || (is_known && there != expected)).then(|| BrokenPromise::new(WHOLE, job, seen))
    });
    checks.collect()
}
