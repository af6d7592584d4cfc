//! At-least-once delivery with recognizable repeats. Each requested callback arrives, or its job
//! shows the failure.

use super::{BrokenPromise, Delivery, History, JobHistory, TargetAction};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const REACHED: &str = "targets get each job at least once, with recognizable repeats";
const CALLED_BACK: &str = "requested callbacks arrive, once per end";

pub(super) fn check(notes: &History) -> Vec<BrokenPromise> {
    let (called_back, delivered): (Vec<_>, Vec<_>) =
        notes.deliveries.iter().partition(|delivery| delivery.is_callback);
    let mut to_targets = BTreeMap::<&str, Vec<&Delivery>>::new();
    for delivery in delivered {
        to_targets.entry(&delivery.id).or_default().push(delivery);
    }
    let mut told = BTreeMap::<&str, Vec<&Delivery>>::new();
    for delivery in called_back {
        told.entry(delivery.body["id"].as_str().unwrap_or_default()).or_default().push(delivery);
    }
    let mut given_up: BTreeMap<_, _> =
        notes.lists.iter().map(|(account, jobs)| (account, failed_callbacks(jobs))).collect();
    let checks =
        notes.jobs.iter().filter_map(|job| Some((job, job.id()?))).flat_map(|(job, id)| {
            let (reached, told) = (to_targets.get(id), told.get(id));
            let given_up = given_up.entry(&job.account).or_default();
            [
                reached_target(job, reached.map_or(&[], Vec::as_slice)),
                callback_arrived(job, told.map_or(&[], Vec::as_slice), given_up),
            ]
        });
    checks.flatten().collect()
}

/// Number of an account's callback jobs that failed with a worker crash. They may never have been
/// sent, so each excuses a missing callback.
fn failed_callbacks(jobs: &[Value]) -> usize {
    let is_given_up = |job: &&Value| {
        job["kind"] == "tollgate.callback" && job["error"]["code"] == "worker-crashed"
    };
    jobs.iter().filter(is_given_up).count()
}

fn reached_target(job: &JobHistory, got: &[&Delivery]) -> Option<BrokenPromise> {
    if !matches!(job.action, TargetAction::Http) {
        return None;
    }
    let complain = |seen: String| Some(BrokenPromise::new(REACHED, job, seen));
    let is_completed = job.last()?.job_status() == "completed";
    if is_completed && !got.iter().any(|delivery| (200..300).contains(&delivery.answered)) {
        return complain(format!("completed, but the target received {got:?}"));
    }
    if let Some(other) = got.iter().find(|delivery| delivery.body != job.payload) {
        return complain(format!("the target received {}", other.body));
    }
    if let Some(beyond) =
        got.iter().find(|delivery| !(1..=job.max_attempts).contains(&delivery.attempt))
    {
        return complain(format!(
            "the target received attempt {} of {}",
            beyond.attempt, job.max_attempts
        ));
    }
    let numbers: BTreeSet<_> = got.iter().map(|delivery| delivery.attempt).collect();
    let lives = 1 + job.possible_retries().count();
    (got.len() > numbers.len() * lives).then(|| {
        BrokenPromise::new(REACHED, job, format!("the target received {got:?} in {lives} runs"))
    })
}

/// Each end has its own `webhook-id`, by which receivers recognize repeats.
fn callback_arrived(
    job: &JobHistory,
    got: &[&Delivery],
    given_up: &mut usize,
) -> Option<BrokenPromise> {
    if !job.has_callback {
        return None;
    }
    let ids: BTreeSet<_> = got.iter().map(|delivery| &delivery.id).collect();
    let most = 1 + job.possible_retries().count();
    let is_told = job.last().is_some_and(|last| {
        got.iter().any(|delivery| delivery.body["status"] == last.body["status"])
    });
    let is_excused = !is_told && *given_up > 0;
    if is_excused {
        *given_up -= 1;
    }
    (!(is_told || is_excused) || ids.len() > most).then(|| {
        BrokenPromise::new(CALLED_BACK, job, format!("{} of at most {most}: {got:?}", ids.len()))
    })
}
