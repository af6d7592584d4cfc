//! The contract of jobs.

mod claims;
mod lists;
mod repeats;
mod sizes;

use model::{
    id::{self, AccountId},
    job::{Attempt, AttemptOutcome, ClaimDenied, EndedBy, ErrorCode, Job, JobError, Payload},
    time::Time,
};
use store::{AttemptEnd, ClaimResult, ClaimedJob, EndResult, JobStore};

use crate::{MINUTE, account, json, now};

pub use claims::*;
pub use lists::*;
pub use repeats::*;
pub use sizes::*;

fn job(account: AccountId, at: Time) -> Job {
    let job =
        Job::queued(id::generate(at, rand::random()), account, "echo".parse().unwrap(), 2, at);
    Job { metadata: [("a".to_owned(), "b".to_owned())].into(), ..job }
}

/// Stores a new job.
pub(crate) async fn put(jobs: &JobStore, payload: &str) -> Job {
    let job = job(account(), now());
    jobs.put(&job, &Payload(json(payload)), None).await.unwrap();
    job
}

pub(crate) async fn claimed(jobs: &JobStore, job: &Job, me: &str, at: Time) -> ClaimedJob {
    match jobs.claim(job.account, job.id, me, at, at + MINUTE, None).await.unwrap() {
        ClaimResult::Claimed(claimed) => *claimed,
        other => panic!("{other:?}"),
    }
}

async fn denied(jobs: &JobStore, job: &Job, at: Time) -> ClaimDenied {
    match jobs.claim(job.account, job.id, "another", at, at + MINUTE, None).await.unwrap() {
        ClaimResult::Denied(refusal, _, _) => refusal,
        other => panic!("{other:?}"),
    }
}

/// Ends an attempt, without an event.
pub(crate) async fn end(
    jobs: &JobStore,
    job: &Job,
    me: &str,
    ending: AttemptEnd,
    at: Time,
) -> EndResult {
    jobs.end_attempt(job, EndedBy::without_event(me), ending, at).await.unwrap()
}

pub(crate) fn failure(number: u32, at: Time) -> Attempt {
    let error = JobError::new(ErrorCode::TargetStatus, "target responded with 503");
    let (started_at, outcome) = (Some(at), AttemptOutcome::Retried);
    Attempt {
        number,
        started_at,
        ended_at: Some(at),
        outcome,
        http_status: Some(503),
        error: Some(error),
    }
}

async fn find(jobs: &JobStore, job: &Job) -> Job {
    jobs.get(job.account, job.id, true, now()).await.unwrap().unwrap()
}
