//! Shared by the routes that change a job.

use std::sync::Arc;

use api::Problem;
use model::{
    id::{AccountId, JobId},
    job::{Job, Lease},
    time::Time,
};
use runtime::{
    clock::Clock,
    metrics::Metric,
    telemetry::{Metrics, Record},
};
use store::{DueStore, EventStore, JobQueue, JobStore, KindStore};
use tollgate_http::ApiError;

/// How often a request rereads a job that changed concurrently.
pub const MAX_CONFLICTS: usize = 5;

/// Context of cancelling and retrying jobs.
#[derive(Debug)]
pub struct Control {
    pub jobs: JobStore,
    pub kinds: Arc<KindStore>,
    pub events: Arc<EventStore>,
    pub due: DueStore,
    pub queue: JobQueue,
    pub clock: Clock,
    pub metrics: Metrics,
}

/// The job with its lease, unless its retention has ended.
pub async fn get_visible(
    jobs: &JobStore,
    account: AccountId,
    id: JobId,
    now: Time,
) -> Result<(Job, Lease), ApiError> {
    let stored = jobs.get_consistent(account, id).await?;
    stored.filter(|(job, _)| job.is_visible(now)).ok_or_else(|| Problem::NotFound.into())
}

/// Records the metric of a changed job.
pub fn record(metrics: &Metrics, job: &Job, metric: &'static Metric, now: Time) {
    metrics.emit(&Record::new().dimension("kind", job.kind.as_str()).count(metric, 1), now);
}

/// Identifies the change that a request writes.
pub fn change_token() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
