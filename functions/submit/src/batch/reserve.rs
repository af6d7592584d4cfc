//! Reserves the idempotency key of a batch, and decides for each job whether to create it.

use std::collections::HashMap;

use api::Problem;
use model::{
    id::{self, AccountId, JobId},
    job::Job,
    time::Time,
    violation::Violation,
};
use store::{BeginResult, IdempotencyKey};
use tollgate_http::ApiError;

use super::validate::Parsed;
use crate::{
    idempotency::IdempotencyToken,
    jobs::{Jobs, MAX_REQUEST_TIME, NewJob},
};

/// What to do for one job of a batch.
#[derive(Debug)]
pub enum BatchJob {
    /// Create the job.
    New(NewJob),
    /// An earlier request created the job.
    Existing(Job),
    /// The request is refused.
    Refused(Problem),
}

#[derive(Debug)]
pub struct ReservedBatch {
    pub jobs: Vec<BatchJob>,
    /// Whether there was an earlier request with the same key.
    pub replayed: bool,
}

/// The first request with the key of a batch.
struct FirstRequest {
    /// ID of the first job; the others are consecutive.
    first: JobId,
    /// Bit mask of the accepted jobs; bit 0 is the first job.
    accepted: u128,
    since: Time,
}

/// Reserves the key and gives the jobs consecutive IDs, starting at the first ID of the first
/// request with this key. On a replay, only the jobs accepted by the first request count.
pub async fn reserve(
    jobs: &Jobs,
    account: AccountId,
    parsed: Vec<Parsed>,
    idempotency: Option<&IdempotencyToken>,
    now: Time,
) -> Result<ReservedBatch, ApiError> {
    let first: JobId = id::generate(now, rand::random());
    let Some(IdempotencyToken { key, fingerprint }) = idempotency else {
        return Ok(new_batch(parsed, &first, None));
    };
    let accepted = Some(valid_jobs(&parsed));
    match jobs.idempotency.begin(account, key, fingerprint, first, accepted, now).await? {
        BeginResult::First => Ok(new_batch(parsed, &first, Some(now + IdempotencyKey::KEPT))),
        BeginResult::DifferentRequest => Err(Problem::IdempotencyKeyReused.into()),
        BeginResult::Repeated { id: first, since, accepted } => {
            let request = FirstRequest { first, accepted, since };
            let jobs = resume(jobs, parsed, &request, now).await?;
            Ok(ReservedBatch { jobs, replayed: true })
        }
    }
}

/// Bit mask of the valid jobs; bit 0 is the first job.
fn valid_jobs(parsed: &[Parsed]) -> u128 {
    let valid = parsed.iter().enumerate().filter(|(_, parsed)| parsed.new.is_ok());
    valid.fold(0, |bits, (n, _)| bits | 1 << n)
}

fn new_batch(parsed: Vec<Parsed>, first: &JobId, kept_until: Option<Time>) -> ReservedBatch {
    let parsed = parsed.into_iter().zip(0..);
    let jobs = parsed.map(|(parsed, n)| BatchJob::new(parsed.new, id::nth(first, n), kept_until));
    ReservedBatch { jobs: jobs.collect(), replayed: false }
}

/// Reads the jobs that the first request created, and creates those it accepted but did not get
/// to.
async fn resume(
    jobs: &Jobs,
    parsed: Vec<Parsed>,
    request: &FirstRequest,
    now: Time,
) -> Result<Vec<BatchJob>, ApiError> {
    let accepted = parsed.iter().zip(0..).filter(|(_, n)| request.accepted(*n));
    let ids: Vec<_> = accepted.map(|(parsed, n)| (parsed.account, request.id(n))).collect();
    let created = jobs.store.get_all_consistent(&ids).await?;
    if created.len() < ids.len() && now.since(request.since) < MAX_REQUEST_TIME {
        return Err(Problem::IdempotencyInProgress.into());
    }
    let mut created: HashMap<JobId, Job> = created.into_iter().map(|job| (job.id, job)).collect();
    let kept_until = Some(now + IdempotencyKey::KEPT);
    let jobs = parsed.into_iter().zip(0..).map(|(parsed, n)| {
        let id = request.id(n);
        match (created.remove(&id), parsed.new) {
            (Some(job), _) => BatchJob::Existing(job),
            (None, Ok(_)) if !request.accepted(n) => BatchJob::Refused(refused_before(n)),
            (None, new) => BatchJob::new(new, id, kept_until),
        }
    });
    Ok(jobs.collect())
}

fn refused_before(n: u16) -> Problem {
    let detail = "was refused by the first request; send it with another Idempotency-Key";
    Problem::InvalidBody(vec![Violation::new(format!("/jobs/{n}"), detail)])
}

impl FirstRequest {
    fn accepted(&self, n: u16) -> bool {
        self.accepted >> n & 1 == 1
    }

    fn id(&self, n: u16) -> JobId {
        id::nth(&self.first, n)
    }
}

impl BatchJob {
    fn new(new: Result<NewJob, Problem>, id: JobId, kept_until: Option<Time>) -> Self {
        match new {
            Ok(new) => Self::New(new.with_id(id, kept_until)),
            Err(problem) => Self::Refused(problem),
        }
    }
}
