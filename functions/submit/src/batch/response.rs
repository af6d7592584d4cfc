use api::{BatchItem, JobBody, Problem};
use model::{id::AccountId, job::Job};

use super::reserve::BatchJob;

/// The results of a batch in request order. `stored` tells for each job whether it is stored and
/// queued.
pub fn items(
    caller: AccountId,
    jobs: Vec<BatchJob>,
    stored: Vec<bool>,
    request_id: &str,
) -> Vec<BatchItem> {
    let items = jobs.into_iter().zip(stored).map(|(job, is_stored)| match job {
        BatchJob::New(new) if is_stored => accepted(caller, new.job),
        BatchJob::Existing(job) if is_stored => accepted(caller, job),
        BatchJob::New(_) | BatchJob::Existing(_) => {
            BatchItem::rejected(Problem::Unavailable.body(request_id))
        }
        BatchJob::Refused(problem) => BatchItem::rejected(problem.body(request_id)),
    });
    items.collect()
}

fn accepted(caller: AccountId, job: Job) -> BatchItem {
    BatchItem::accepted(JobBody::for_caller(caller, job.as_accepted()))
}
