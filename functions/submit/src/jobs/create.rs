//! Creates a job unless an earlier request did. All routes that submit a single job use this.

use model::{id::AccountId, job::Job, time::Time};
use runtime::telemetry::Traceparent;
use store::IdempotencyKey;
use tollgate_http::ApiError;

use super::{
    context::Jobs,
    dispatch::resend,
    new_job::NewJob,
    reserve::{EarlierRequest, find_created, reserve},
    store::store_and_send,
};
use crate::{error::SubmitError, idempotency::IdempotencyToken};

/// A request to submit a job.
#[derive(Debug)]
pub struct Submission {
    pub account: AccountId,
    pub idempotency: Option<IdempotencyToken>,
    pub trace: Option<Traceparent>,
    pub now: Time,
}

/// A job that is stored and queued.
#[derive(Debug)]
pub struct Submitted {
    pub job: Job,
    /// Whether an earlier request with the same key created the job.
    pub replayed: bool,
}

/// Creates the validated job, unless an earlier request with the same key created it.
pub async fn create_once(
    jobs: &Jobs,
    validated: Result<NewJob, SubmitError>,
    Submission { account, idempotency, trace, now }: Submission,
) -> Result<Submitted, SubmitError> {
    let idempotency = idempotency.as_ref();
    let submitted = match validated {
        Ok(new) => create(jobs, new, idempotency, now).await?,
        // An accepted job stays accepted, even if its kind has changed since.
        Err(SubmitError::Invalid(violations)) => {
            let created = find_created(jobs, account, idempotency, now).await?;
            let job = created.ok_or(SubmitError::Invalid(violations))?;
            Submitted { job, replayed: true }
        }
        Err(other) => return Err(other),
    };
    if submitted.replayed {
        resend(jobs, &submitted.job, trace, now).await?;
    }
    Ok(submitted)
}

async fn create(
    jobs: &Jobs,
    mut new: NewJob,
    idempotency: Option<&IdempotencyToken>,
    now: Time,
) -> Result<Submitted, ApiError> {
    if let Some(idempotency) = idempotency {
        let kept_until = Some(now + IdempotencyKey::KEPT);
        match reserve(jobs, &new.job, idempotency, now).await? {
            EarlierRequest::NotFound => new.job.kept_until = kept_until,
            EarlierRequest::Reserved(id) => new = new.with_id(id, kept_until),
            EarlierRequest::Created(job) => return Ok(Submitted { job: *job, replayed: true }),
        }
    }
    store_and_send(jobs, &new, idempotency.is_some()).await?;
    Ok(Submitted { job: new.job, replayed: false })
}
