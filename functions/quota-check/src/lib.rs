//! What has to be looked at every minute: for now the agenda, whose jobs must not wait for a permit that was lost.
//!
//! Nothing here minds running twice, at once or again: a run that fails is an error of its invocation, so that Lambda repeats it, and
//! the next minute's comes all the same.

mod audit;

use serde::Deserialize;
use shared::{
    aws::{Clients, Error, JobQueue, JobStore, Table},
    clock::Clock,
    config::QuotaCheckConfig,
    telemetry::Metrics,
    time::Time,
};

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
    clock: Clock,
    metrics: Metrics,
}

impl Checker {
    /// Over these clients.
    #[must_use]
    pub fn new(clients: Clients, config: QuotaCheckConfig, clock: Clock, metrics: Metrics) -> Self {
        Self {
            jobs: JobStore::new(Table::new(clients.dynamodb, config.table)),
            queue: JobQueue::new(clients.sqs, config.queue_url),
            clock,
            metrics,
        }
    }

    /// Does what the minute `due` asks for; `request` is under which operators find the invocation.
    ///
    /// # Errors
    /// When AWS can't be reached or refuses; it is in the log already.
    pub async fn check(&self, request: &str, due: Time) -> Result<(), Error> {
        let checked = self.audit(request, due).await;
        if let Err(error) = &checked {
            tracing::error!(request.id = request, cause = %error, "agenda could not be audited");
        }
        checked
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
