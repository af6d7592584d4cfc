//! A job has one final outcome, and its attempts are counted.

use super::{BrokenPromise, History, JobHistory, RequestOutcome, TargetAction};

const ONE: &str = "a job has one outcome";
const COUNTED: &str = "attempts are counted, and no more than allowed";

pub(super) fn check(notes: &History) -> Vec<BrokenPromise> {
    let checks =
        notes.jobs.iter().flat_map(|job| [stays(job), counted(job), numbered(job), echoed(job)]);
    checks.flatten().collect()
}

/// The outcome as a comparable string.
fn end(look: &RequestOutcome) -> String {
    let job = &look.body;
    format!("{} at {}: {} {}", job["status"], job["finished_at"], job["result"], job["error"])
}

/// A finished job doesn't change until it is retried.
fn stays(job: &JobHistory) -> Option<BrokenPromise> {
    job.lives().into_iter().find_map(|life| {
        let over = life.iter().find(|look| look.has_ended())?;
        let differs =
            |look: &&&RequestOutcome| look.span.begun >= over.span.ended && end(look) != end(over);
        let other = life.iter().find(differs)?;
        Some(BrokenPromise::new(ONE, job, format!("changed from {} to {}", end(over), end(other))))
    })
}

fn counted(job: &JobHistory) -> Option<BrokenPromise> {
    let over =
        job.reads.iter().find(|look| look.body["attempts"].as_u64() > Some(job.max_attempts))?;
    Some(BrokenPromise::new(
        COUNTED,
        job,
        format!("{} attempts of {}", over.body["attempts"], job.max_attempts),
    ))
}

/// Attempt numbers are between 1 and the maximum, and start again only after a retry. A claim that
/// died may have left a gap.
fn numbered(job: &JobHistory) -> Option<BrokenPromise> {
    let numbers: Vec<_> =
        job.attempts.iter().filter_map(|attempt| attempt["number"].as_u64()).collect();
    let begins_anew = job.possible_retries().count();
    let restarts = numbers.windows(2).filter(|pair| pair[1] <= pair[0]).count();
    let is_within = numbers.iter().all(|number| (1..=job.max_attempts).contains(number));
    (restarts > begins_anew || !is_within)
        .then(|| BrokenPromise::new(COUNTED, job, format!("the attempts are {numbers:?}")))
}

/// An echo's result is its payload.
fn echoed(job: &JobHistory) -> Option<BrokenPromise> {
    let wrong = job.reads.iter().find(|look| {
        matches!(job.action, TargetAction::Echo)
            && look.job_status() == "completed"
            && look.body["result"] != job.payload
    })?;
    Some(BrokenPromise::new(ONE, job, format!("its result is {}", wrong.body["result"])))
}
