use std::{sync::Arc, time::Duration};

use runtime::{clock::Clock, telemetry::Metrics};
use store::{AccountStore, DueStore, IdempotencyStore, JobQueue, JobStore, KindStore, Throughput};

/// How long a request can be in progress: the function's timeout.
pub const MAX_REQUEST_TIME: Duration = Duration::from_secs(10);

/// Context of submitting jobs.
#[derive(Debug)]
pub struct Jobs {
    pub accounts: Arc<AccountStore>,
    pub kinds: Arc<KindStore>,
    pub store: JobStore,
    pub due: DueStore,
    pub idempotency: IdempotencyStore,
    pub queue: JobQueue,
    pub throughput: Throughput,
    pub clock: Clock,
    pub metrics: Metrics,
}
