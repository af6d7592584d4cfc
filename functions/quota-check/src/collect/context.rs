use model::{
    name::Name,
    usage::{OpenHour, Origin, Source, SourceState},
};
use outbound::Outbound;
use runtime::{clock::Clock, telemetry::Metrics};
use store::{Error, MetricStore, SourceStore, UsageStore};
use tokio::sync::Semaphore;

/// Number of sources collected concurrently. Each holds at most a few megabytes of its page in
/// memory.
pub const MAX_CONCURRENT: usize = 32;
/// Number of concurrent writes of a run.
pub const MAX_CONCURRENT_WRITES: usize = 32;

/// Context of collecting usage from sources.
#[derive(Debug)]
pub struct Collector {
    pub sources: SourceStore,
    pub usage: UsageStore,
    pub cloudwatch: MetricStore,
    pub outbound: Outbound,
    /// Limits the number of concurrent usage writes.
    pub writes: Semaphore,
    pub clock: Clock,
    pub metrics: Metrics,
}

/// Result for one source.
#[derive(Debug)]
pub enum SourceResult {
    Collected(SourceUsage),
    Skipped(Name),
}

/// The state of a source after it was collected.
#[derive(Debug)]
pub struct SourceUsage {
    pub origin: Origin,
    pub open_hours: Vec<OpenHour>,
    pub state: SourceState,
}

/// Stores the state of a source. An error is only logged.
pub async fn store_state(
    collector: &Collector,
    source: &Source,
    state: SourceState,
    open_hours: Vec<OpenHour>,
) -> SourceUsage {
    if let Err(error) = collector.sources.put_state(&source.name, &state).await {
        tracing::error!(
            source = %source.name, cause = %error,
            "storing the source's state failed"
        );
    }
    SourceUsage { origin: Origin::Source(source.name.clone()), open_hours, state }
}

/// Logs that a source's open hours can't be read. Returns the error to store.
pub fn read_failed(source: &Source, error: &Error) -> &'static str {
    tracing::error!(source = %source.name, cause = %error, "reading usage failed");
    "the gateway could not read the source's counters"
}
