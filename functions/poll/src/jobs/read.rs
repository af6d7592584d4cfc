use std::sync::Arc;

use api::Problem;
use model::{
    id::{self, AccountId, JobId},
    job::Job,
};
use runtime::clock::Clock;
use store::{CompletionTimeStore, JobStore};
use tollgate_http::ApiError;

use crate::long_poll::LongPolls;

/// Maximum age in seconds of a job that is read again with strong consistency if it isn't found. A
/// client may poll before every replica has the job. Otherwise an eventually consistent read at
/// half the price is enough; it may show a change slightly late.
const YOUNG_SECONDS: u64 = 5;

/// Context of reading jobs.
#[derive(Debug)]
pub struct Jobs {
    pub store: JobStore,
    pub completion_times: CompletionTimeStore,
    pub long_polls: Arc<LongPolls>,
    pub clock: Clock,
}

/// The job, if the account has it and its retention hasn't ended.
pub async fn read_job(jobs: &Jobs, account: AccountId, id: JobId) -> Result<Job, ApiError> {
    let now = jobs.clock.now();
    let mut job = jobs.store.get(account, id, false, now).await?;
    if job.is_none() && now.since(id::time_of(&id)).as_secs() < YOUNG_SECONDS {
        job = jobs.store.get(account, id, true, now).await?;
    }
    job.ok_or_else(|| Problem::NotFound.into())
}
