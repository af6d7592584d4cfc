//! Each occurrence that Scheduler delivers, if late, makes one job. Recursive loop detection
//! refuses no message.
//!
//! Nothing is promised for an occurrence that Scheduler neither sends nor moves to the dead-letter
//! queue: the stack can't know of it.

use super::{BrokenPromise, History, OccurrenceHistory};

const ONE: &str = "each delivered occurrence makes one job";
const NO_LOOP: &str = "recursive loop detection refuses no message";

pub(super) fn check(notes: &History) -> Vec<BrokenPromise> {
    let refused = notes.dropped_invocations;
    let ended = (refused > 0)
        .then(|| BrokenPromise::new(NO_LOOP, "Lambda", format!("{refused} invocations refused")));
    notes.occurrences.iter().filter_map(one).chain(ended).collect()
}

fn one(occurrence: &OccurrenceHistory) -> Option<BrokenPromise> {
    let OccurrenceHistory { at, is_delivered, jobs } = occurrence;
    let are_over =
        jobs.iter().all(|job| matches!(job["status"].as_str(), Some("completed" | "failed")));
    let is_kept = jobs.len() == usize::from(*is_delivered) && are_over;
    (!is_kept).then(|| {
        let seen = format!("delivered: {is_delivered}, jobs: {jobs:?}");
        BrokenPromise::new(ONE, format!("the occurrence of {at}"), seen)
    })
}
