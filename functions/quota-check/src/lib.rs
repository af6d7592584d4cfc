//! What has to be looked at every minute: the agenda, whose jobs must not wait for a permit that was lost, and the quotas.
//!
//! Nothing here minds running twice, at once or again: a run that fails is an error of its invocation, so that Lambda repeats it, and
//! the next minute's comes all the same.

mod audit;
mod evaluate;
mod gauges;
mod mail;
mod settle;
mod totals;

use serde::Deserialize;
pub use settle::LEASE;
use shared::{
    aws::{
        AccountStore, Clients, Error, EventStore, Gauges, JobQueue, JobStore, Mailer, QuotaStore, Rates,
        Table, UsageStore,
    },
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
    usage: UsageStore,
    quotas: QuotaStore,
    accounts: AccountStore,
    events: EventStore,
    mailer: Mailer,
    gauges: Gauges,
    clock: Clock,
    metrics: Metrics,
}

impl Checker {
    /// Over these clients.
    #[must_use]
    pub fn new(clients: Clients, config: QuotaCheckConfig, clock: Clock, metrics: Metrics) -> Self {
        let table = Table::new(clients.dynamodb, config.table);
        let rates = Rates::new(table.clone(), clock.clone());
        Self {
            jobs: JobStore::new(table.clone()),
            usage: UsageStore::new(table.clone()),
            quotas: QuotaStore::new(table.clone()),
            accounts: AccountStore::new(table.clone()),
            events: EventStore::new(table, rates, clock.clone()),
            mailer: Mailer::new(clients.ses, config.sender),
            gauges: Gauges::new(clients.cloudwatch),
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
        let (audited, evaluated) = tokio::join!(self.audit(request, due), self.watch_quotas(request));
        if let Err(error) = &audited {
            tracing::error!(request.id = request, cause = %error, "agenda could not be audited");
        }
        audited.and(evaluated)
    }

    /// Looks at what was used of the quotas, and shows it.
    async fn watch_quotas(&self, request: &str) -> Result<(), Error> {
        let evaluated = async { self.evaluate(&self.usage.heads().await?).await };
        let evaluated = evaluated.await.inspect_err(|error| {
            tracing::error!(request.id = request, cause = %error, "quotas could not be looked at");
        })?;
        self.show(request, &evaluated).await;
        match evaluated.failed {
            0 => Ok(()),
            n => Err(Error::Unavailable(format!("{n} quotas could not be seen to"))),
        }
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
