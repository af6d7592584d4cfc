//! Reserves idempotency keys.

use api::Problem;
use model::{
    id::{AccountId, JobId},
    job::Job,
    time::Time,
};
use store::BeginResult;
use tollgate_http::ApiError;

use super::context::{Jobs, MAX_REQUEST_TIME};
use crate::idempotency::IdempotencyToken;

/// Progress of earlier requests with the same key.
#[derive(Debug)]
pub enum EarlierRequest {
    NotFound,
    /// A request reserved this ID but created no job.
    Reserved(JobId),
    /// A request created this job.
    Created(Box<Job>),
}

/// Reserves the key for `job`, unless an earlier request did.
pub async fn reserve(
    jobs: &Jobs,
    job: &Job,
    IdempotencyToken { key, fingerprint }: &IdempotencyToken,
    now: Time,
) -> Result<EarlierRequest, ApiError> {
    match jobs.idempotency.begin(job.account, key, fingerprint, job.id, None, now).await? {
        BeginResult::First => Ok(EarlierRequest::NotFound),
        BeginResult::DifferentRequest => Err(Problem::IdempotencyKeyReused.into()),
        BeginResult::Repeated { id, since, .. } => {
            match jobs.store.get_consistent(job.account, id).await? {
                Some((created, _)) => Ok(EarlierRequest::Created(Box::new(created))),
                None if now.since(since) < MAX_REQUEST_TIME => {
                    Err(Problem::IdempotencyInProgress.into())
                }
                // The first request stopped after reserving the key; this one creates the job.
                None => Ok(EarlierRequest::Reserved(id)),
            }
        }
    }
}

/// The job that an earlier request with the same key created. Reserves nothing.
pub async fn find_created(
    jobs: &Jobs,
    account: AccountId,
    idempotency: Option<&IdempotencyToken>,
    now: Time,
) -> Result<Option<Job>, ApiError> {
    let Some(IdempotencyToken { key, fingerprint }) = idempotency else { return Ok(None) };
    let Some(id) = jobs.idempotency.find(account, key, fingerprint, now).await? else {
        return Ok(None);
    };
    Ok(jobs.store.get_consistent(account, id).await?.map(|(job, _)| job))
}
