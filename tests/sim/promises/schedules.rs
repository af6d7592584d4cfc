//! Each occurrence that Scheduler delivers, if late, makes one job. Recursive loop detection
//! refuses no message.
//!
//! Nothing is promised for an occurrence that Scheduler neither sends nor moves to the dead-letter
//! queue: the stack can't know of it.

use super::{Broken, Notes, OccurrenceNote};

const ONE: &str = "each delivered occurrence makes one job";
const NO_LOOP: &str = "recursive loop detection refuses no message";

pub(super) fn check(notes: &Notes) -> Vec<Broken> {
    let refused = notes.loops_ended;
    let ended =
        (refused > 0).then(|| Broken::new(NO_LOOP, "Lambda", format!("{refused} invocations refused")));
    notes.occurrences.iter().filter_map(one).chain(ended).collect()
}

fn one(occurrence: &OccurrenceNote) -> Option<Broken> {
    let OccurrenceNote { at, is_delivered, jobs } = occurrence;
    let are_over =
        jobs.iter().all(|job| matches!(job["status"].as_str(), Some("completed" | "failed")));
    let is_kept = jobs.len() == usize::from(*is_delivered) && are_over;
    (!is_kept).then(|| {
        let seen = format!("delivered: {is_delivered}, jobs: {jobs:?}");
        Broken::new(ONE, format!("the occurrence of {at}"), seen)
    })
}
