use std::sync::Arc;

use runtime::{clock::Clock, telemetry::Metrics};
use store::{AccountStore, DueStore, JobQueue, JobStore, WalkStore};

/// Context of releasing due jobs and resending lost messages.
#[derive(Debug)]
pub struct Jobs {
    pub store: JobStore,
    pub due: DueStore,
    pub walks: WalkStore,
    pub queue: JobQueue,
    pub accounts: Arc<AccountStore>,
    pub clock: Clock,
    pub metrics: Metrics,
}
