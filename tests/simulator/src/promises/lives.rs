//! A 202 is durable, every accepted job ends, and no job vanishes before its retention ends.

use super::{BrokenPromise, History, JobHistory, RequestOutcome};
use model::time::Time;
use serde_json::Value;

const DURABLE: &str = "a 202 is durable";
const ENDS: &str = "every accepted job ends";
const KEPT: &str = "nothing vanishes before its retention ends";

/// Shortest retention among the kinds of the fault runs.
const SHORTEST_RETENTION_MS: i64 = 600_000;

/// Maximum clock difference.
const MAX_CLOCK_SKEW_MS: i64 = 2_000;

pub(super) fn check(notes: &History) -> Vec<BrokenPromise> {
    let accepted = notes.jobs.iter().filter(|job| job.id().is_some());
    let of_jobs =
        accepted.filter_map(|job| durable(job).or_else(|| ends(job)).or_else(|| kept(job)));
    of_jobs.chain(listed(notes)).collect()
}

fn durable(job: &JobHistory) -> Option<BrokenPromise> {
    let found = job.reads.iter().any(|look| look.status == Some(200));
    (!found).then(|| {
        BrokenPromise::new(
            DURABLE,
            job,
            format!("accepted but never found: {:?}", job.reads.last()),
        )
    })
}

fn ends(job: &JobHistory) -> Option<BrokenPromise> {
    let last = job.last()?;
    (!last.has_ended())
        .then(|| BrokenPromise::new(ENDS, job, format!("final state: {}", last.body)))
}

/// Every accepted job in the final list has ended, including jobs that no client followed. A listed
/// job that was never accepted belongs to a request without a response.
fn listed(notes: &History) -> Vec<BrokenPromise> {
    let all =
        notes.lists.iter().flat_map(|(account, jobs)| jobs.iter().map(move |job| (account, job)));
    let unfinished = all.filter(|(_, job)| is_unfinished(job));
    let accepted = |job: &Value| job["id"].as_str().is_some_and(|id| notes.accepted.contains(id));
    let unfinished = unfinished.filter(|(_, job)| accepted(job));
    unfinished
        .map(|(account, job)| {
            BrokenPromise::new(ENDS, account, format!("unfinished at the end: {job}"))
        })
        .collect()
}

fn is_unfinished(job: &Value) -> bool {
    matches!(job["status"].as_str(), Some("queued" | "running"))
}

/// A 404 comes only after the job's last known expiry. An unfinished job has no expiry yet: its
/// retention starts at its end.
fn kept(job: &JobHistory) -> Option<BrokenPromise> {
    let mut until = None;
    for look in &job.reads {
        match look.status {
            Some(404) => {
                let gone_early =
                    until.is_none_or(|until: i64| look.span.ended + MAX_CLOCK_SKEW_MS < until);
                if gone_early {
                    return Some(BrokenPromise::new(
                        KEPT,
                        job,
                        format!("not found at {}, expected until {until:?}", look.span.ended),
                    ));
                }
            }
            Some(200) => {
                let at_least = || earliest_end(job, look) + SHORTEST_RETENTION_MS;
                until = Some(time_of(&look.body["expires_at"]).unwrap_or_else(at_least));
            }
            _ => {}
        }
    }
    None
}

/// The earliest time a job seen unfinished may have ended: not before its due time, unless it was
/// cancelled.
fn earliest_end(job: &JobHistory, look: &RequestOutcome) -> i64 {
    let due = time_of(&look.body["run_at"]).filter(|_| job.cancels.is_empty());
    due.unwrap_or(look.span.begun).max(look.span.begun)
}

fn time_of(value: &Value) -> Option<i64> {
    Some(value.as_str()?.parse::<Time>().ok()?.millis())
}
