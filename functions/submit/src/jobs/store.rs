//! Stores and queues a job.

use model::{name::Name, time::Time};
use runtime::{metrics::registry, telemetry::Record};

use super::{context::Jobs, dispatch::dispatch, new_job::NewJob};

/// Stores and queues a job.
///
/// If either fails, the request fails. A job without an `Idempotency-Key` is deleted again. A job
/// with one stays, because a replay may already have returned it; that replay sends its message
/// again.
pub async fn store_and_send(
    jobs: &Jobs,
    new: &NewJob,
    is_repeatable: bool,
) -> Result<(), store::Error> {
    let NewJob { job, payload, trace, .. } = new;
    let now = jobs.clock.now();
    let rank = new.rank(now);
    let put = jobs.store.put(job, payload, rank.as_ref());
    let send = dispatch(jobs, job, trace.clone(), now);
    let result = if rank.is_some() {
        // Send first: a surplus permit does no harm, while a listed job without a permit would use
        // up another job's.
        match send.await {
            Ok(()) => put.await,
            failed => failed,
        }
    } else {
        let (stored, sent) = tokio::join!(put, send);
        stored.and(sent)
    };
    match &result {
        Ok(()) => record_accepted(jobs, &job.kind, 1, now),
        Err(_) if !is_repeatable => delete_unstarted(jobs, new).await,
        Err(_) => {}
    }
    result
}

/// Records metrics of accepted jobs.
pub fn record_accepted(jobs: &Jobs, kind: &Name, number: usize, now: Time) {
    let accepted = Record::new().dimension("kind", kind.as_str());
    jobs.metrics.emit(&accepted.count(&registry::ACCEPTED, number), now);
    jobs.throughput.count_jobs(number);
}

/// Deletes a job whose request failed.
pub async fn delete_unstarted(jobs: &Jobs, NewJob { job, payload, .. }: &NewJob) {
    if let Err(error) = jobs.store.delete_unstarted(job, payload).await {
        tracing::warn!(
            account = %job.account, job = %job.id, cause = %error,
            "failed to delete refused job"
        );
    }
}
