//! What has to be looked at every minute: the sources of usage, and the agenda, whose jobs must not wait for a permit that was lost.
//!
//! Nothing here minds running twice, at once or again: a run that fails is an error of its invocation, so that Lambda repeats it, and
//! the next minute's comes all the same.

mod audit;
mod collect;
mod source;

pub use collect::Collected;

use serde::Deserialize;
use shared::{
    aws::{Clients, Error, JobQueue, JobStore, MetricStore, SourceStore, Table, UsageStore},
    clock::Clock,
    config::QuotaCheckConfig,
    outbound::Outbound,
    telemetry::Metrics,
    time::Time,
};
use tokio::sync::Semaphore;

/// What `EventBridge` sends at its minute.
#[derive(Debug, Deserialize)]
pub struct Tick {
    /// Which minute it is; a repeated invocation still has the first one's.
    #[serde(default)]
    pub time: Option<Time>,
}

/// What an invocation needs.
#[derive(Debug)]
pub struct Checker {
    jobs: JobStore,
    queue: JobQueue,
    sources: SourceStore,
    usage: UsageStore,
    metric_store: MetricStore,
    outbound: Outbound,
    /// Bounds the writes of usage that are under way.
    writes: Semaphore,
    clock: Clock,
    metrics: Metrics,
}

impl Checker {
    /// Over these clients.
    #[must_use]
    pub fn new(clients: Clients, config: QuotaCheckConfig, clock: Clock, metrics: Metrics) -> Self {
        let table = Table::new(clients.dynamodb, config.table);
        Self {
            jobs: JobStore::new(table.clone()),
            queue: JobQueue::new(clients.sqs, config.queue_url),
            sources: SourceStore::new(table.clone()),
            usage: UsageStore::new(table),
            metric_store: MetricStore::new(clients.cloudwatch),
            outbound: Outbound::new(config.allow_private_targets).compressed(),
            writes: Semaphore::new(collect::WRITES),
            clock,
            metrics,
        }
    }

    /// Does what the minute `due` asks for; `request` is under which operators find the invocation.
    ///
    /// # Errors
    /// When AWS can't be reached or refuses; it is in the log already.
    pub async fn check(&self, request: &str, due: Time) -> Result<(), Error> {
        let (collected, audited) =
            tokio::join!(Box::pin(self.collect(request, due)), self.audit(request, due));
        if let Err(error) = &collected {
            tracing::error!(request.id = request, cause = %error, "usage could not be collected");
        }
        if let Err(error) = &audited {
            tracing::error!(request.id = request, cause = %error, "agenda could not be audited");
        }
        collected.map(drop).and(audited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_what_eventbridge_sends() {
        let tick: Tick = serde_json::from_str(include_str!("../fixtures/schedule.json")).unwrap();
        assert_eq!(tick.time.unwrap().to_string(), "2026-11-20T16:00:00.000Z");
        assert!(serde_json::from_str::<Tick>("{}").unwrap().time.is_none());
    }
}
