//! Waits for a change of a job.

use std::time::Duration;

use model::{
    id::{AccountId, JobId},
    job::Job,
};
use tollgate_http::ApiError;

use super::etag::ETag;
use crate::{
    jobs::{Jobs, read_job},
    long_poll::Waiter,
};

/// Delay of the first read after the request; each further delay is longer by half, up to
/// [`MAX_DELAY`].
const FIRST_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(1);

/// Reads the job until it is terminal, differs from the states in `if_none_match`, or the wait is
/// over.
pub async fn wait_for_change(
    jobs: &Jobs,
    account: AccountId,
    id: JobId,
    if_none_match: Option<&str>,
    waiter: &mut Waiter<'_>,
) -> Result<Job, ApiError> {
    let mut delay = FIRST_DELAY;
    loop {
        let job = read_job(jobs, account, id).await?;
        let has_changed = if_none_match.is_some_and(|tags| !ETag::of(&job).is_among(tags));
        if job.status.is_terminal() || has_changed || !waiter.pause(delay).await {
            return Ok(job);
        }
        delay = (delay + delay / 2).min(MAX_DELAY);
    }
}
