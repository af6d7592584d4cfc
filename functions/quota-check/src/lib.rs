//! What has to be looked at every minute: the sources of usage, the quotas, and the agenda, whose jobs must not wait for a permit that was
//! lost.
//!
//! Nothing here minds running twice, at once or again: a run that fails is an error of its invocation, so that Lambda repeats it, and
//! the next minute's comes all the same.

mod audit;
mod collect;
mod evaluate;
mod gauges;
mod mail;
mod settle;
mod source;
mod totals;

pub use collect::Collected;

use serde::Deserialize;
pub use settle::LEASE;
use shared::{
    aws::{
        AccountStore, Clients, Error, EventStore, Gauges, JobQueue, JobStore, Mailer, MetricStore,
        QuotaStore, Rates, SourceStore, Table, UsageStore,
    },
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
    quotas: QuotaStore,
    accounts: AccountStore,
    events: EventStore,
    mailer: Mailer,
    metric_store: MetricStore,
    gauges: Gauges,
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
        let rates = Rates::new(table.clone(), clock.clone());
        Self {
            jobs: JobStore::new(table.clone()),
            quotas: QuotaStore::new(table.clone()),
            accounts: AccountStore::new(table.clone()),
            events: EventStore::new(table.clone(), rates, clock.clone()),
            mailer: Mailer::new(clients.ses, config.sender),
            gauges: Gauges::new(clients.cloudwatch.clone()),
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

    /// The same, which reaches pages of metrics by another way.
    #[must_use]
    pub fn by_way_of(self, way: Outbound) -> Self {
        Self { outbound: way, ..self }
    }

    /// Does what the minute `due` asks for; `request` is under which operators find the invocation.
    ///
    /// # Errors
    /// When AWS can't be reached or refuses; it is in the log already.
    pub async fn check(&self, request: &str, due: Time) -> Result<(), Error> {
        let watched = Box::pin(self.collect_and_watch(request, due));
        let (watched, audited) = tokio::join!(watched, self.audit(request, due));
        if let Err(error) = &audited {
            tracing::error!(request.id = request, cause = %error, "agenda could not be audited");
        }
        watched.and(audited)
    }

    /// Collects usage, then looks at the quotas with what is known by now: also when nothing could be collected.
    async fn collect_and_watch(&self, request: &str, due: Time) -> Result<(), Error> {
        let collected = self.collect(request, due).await.inspect_err(|error| {
            tracing::error!(request.id = request, cause = %error, "usage could not be collected");
        });
        let (collected, outcome) = match collected {
            Ok(collected) => (collected, Ok(())),
            Err(error) => (Collected::default(), Err(error)),
        };
        outcome.and(self.watch_quotas(request, collected).await)
    }

    /// Looks at what was used of the quotas, and shows it.
    async fn watch_quotas(&self, request: &str, collected: Collected) -> Result<(), Error> {
        let Collected { heads, up } = collected;
        let evaluated = async {
            let mut others = self.usage.heads_beside(&heads.keys().cloned().collect()).await?;
            others.extend(heads.into_values().flatten());
            self.evaluate(&others).await
        };
        let evaluated = evaluated.await.inspect_err(|error| {
            tracing::error!(request.id = request, cause = %error, "quotas could not be looked at");
        })?;
        self.show(request, &evaluated, &up).await;
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
