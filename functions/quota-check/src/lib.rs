//! The minute tick: releases jobs due soon, collects usage, evaluates quotas, and finds jobs whose
//! message was lost.
//!
//! Every step may run twice or concurrently. A failed run returns an error, so that Lambda retries
//! it; the next minute's run starts independently of that.

mod apply;
mod collect;
mod enlist;
mod evaluate;
mod gauges;
mod jobs;
mod mail;
mod quota_work;
mod quotas;
mod reconcile;
mod release;
mod rescue;
mod resend;
mod send_mails;
mod source;
mod totals;
mod walk;

use std::{sync::Arc, time::Duration};

use model::time::Time;
use outbound::Outbound;
use runtime::{clock::Clock, config::QuotaCheckConfig, telemetry::Metrics};
use serde::Deserialize;
use store::{
    AccountStore, Clients, DueStore, Error, EventStore, Gauges, JobQueue, JobStore, Mailer,
    MetricStore, QuotaStore, SourceStore, Table, Tallies, UsageStore, WalkStore,
};
use tokio::sync::Semaphore;

use collect::Collector;
use gauges::GaugePublisher;
use jobs::Jobs;
use quotas::Quotas;

pub use collect::Collected;
pub use quota_work::LEASE;

/// How long the first evaluation of quotas waits for sources.
const SOURCE_WAIT: Duration = Duration::from_secs(5);
/// Time into a run after which no further mail is started. The function's timeout in the template
/// is 50 seconds; sending a mail through a slow SES and recording it may take fourteen.
pub const MAIL_START_LIMIT: Duration = Duration::from_secs(35);

/// The `EventBridge` event.
#[derive(Debug, Deserialize)]
pub struct Tick {
    /// The scheduled minute; retries of the invocation keep it.
    #[serde(default)]
    pub time: Option<Time>,
}

#[derive(Debug)]
pub struct Checker {
    jobs: Jobs,
    collector: Collector,
    quotas: Quotas,
    gauges: GaugePublisher,
    tallies: Tallies,
    clock: Clock,
}

impl Checker {
    #[must_use]
    pub fn new(clients: Clients, config: QuotaCheckConfig, clock: Clock, metrics: Metrics) -> Self {
        let table = Table::new(clients.dynamodb(), config.table);
        let cloudwatch = clients.cloudwatch();
        let tallies = Tallies::new(&table, &clock);
        let metrics = tallies.counters.count(metrics);
        let accounts = Arc::new(AccountStore::new(table.clone()));
        let (throughput, queue) =
            (tallies.rates.clone(), JobQueue::new(clients.sqs(), config.queue_url));
        let gauges = GaugePublisher {
            gauges: Gauges::new(cloudwatch.clone(), config.namespace),
            queue: queue.clone(),
            clock: clock.clone(),
        };
        let jobs = Jobs {
            store: JobStore::new(table.clone()),
            due: DueStore::new(table.clone()),
            walks: WalkStore::new(table.clone()),
            queue,
            accounts: accounts.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
        };
        let collector = Collector {
            sources: SourceStore::new(table.clone()),
            usage: UsageStore::new(table.clone()),
            cloudwatch: MetricStore::new(cloudwatch),
            outbound: Outbound::new(config.allow_private_targets).with_gzip(),
            writes: Semaphore::new(collect::MAX_CONCURRENT_WRITES),
            clock: clock.clone(),
            metrics: metrics.clone(),
        };
        let quotas = Quotas {
            store: QuotaStore::new(table.clone()),
            usage: collector.usage.clone(),
            accounts,
            events: EventStore::new(table, throughput, metrics, clock.clone()),
            mailer: Mailer::new(clients.ses(), config.sender),
            clock: clock.clone(),
        };
        Self { jobs, collector, quotas, gauges, tallies, clock }
    }

    /// Returns this checker with `client` as the client for Prometheus pages.
    #[must_use]
    pub fn with_client(self, client: Outbound) -> Self {
        Self { collector: Collector { outbound: client, ..self.collector }, ..self }
    }

    /// Collects the sources due in a minute.
    ///
    /// # Errors
    /// When the table can't be read, so that nothing was collected. Errors of a single source are
    /// stored in its state and logged.
    pub async fn collect(&self, request_id: &str, due: Time) -> Result<Collected, Error> {
        collect::collect(&self.collector, request_id, due).await
    }

    /// Runs all steps for the minute `due`. `request_id` is the Lambda request ID.
    ///
    /// # Errors
    /// When AWS can't be reached or refuses a request. The error is logged here.
    pub async fn check(&self, request_id: &str, due: Time) -> Result<(), Error> {
        let evaluating = Box::pin(self.collect_and_evaluate(request_id, due));
        let started = self.clock.now();
        let (evaluated, reconciled, released, rescued) = tokio::join!(
            evaluating,
            Box::pin(reconcile::reconcile(&self.jobs, request_id, due)),
            Box::pin(release::release(&self.jobs, request_id, started)),
            Box::pin(rescue::rescue(&self.jobs, request_id, started)),
        );
        let log = |result: &Result<(), Error>, message: &str| {
            if let Err(error) = result {
                tracing::error!(request.id = request_id, cause = %error, "{message}");
            }
        };
        log(&reconciled, "reconciling the ready queue failed");
        log(&released, "releasing due jobs failed");
        log(&rescued, "finding overdue jobs failed");
        self.tallies.flush().await;
        evaluated.and(reconciled).and(released).and(rescued)
    }

    /// Collects usage and evaluates the quotas. Sources that respond quickly are evaluated right
    /// away, with the earlier counts of the others, so that a slow source delays no quota. The
    /// quotas are evaluated again when all sources have responded or failed.
    async fn collect_and_evaluate(&self, request_id: &str, due: Time) -> Result<(), Error> {
        let started = self.clock.now();
        let mut collecting = Box::pin(self.collect_or_log(request_id, due));
        if let Ok((collected, result)) = tokio::time::timeout(SOURCE_WAIT, &mut collecting).await {
            let evaluated = self.evaluate_and_apply(request_id, collected, started, true).await;
            return result.and(evaluated);
        }
        let late = async {
            let (collected, result) = collecting.await;
            result.and(self.evaluate_and_apply(request_id, collected, started, true).await)
        };
        let nothing = Collected::default();
        let (early, late) =
            tokio::join!(self.evaluate_and_apply(request_id, nothing, started, false), late);
        early.and(late)
    }

    /// Collects from all sources. If that fails, returns empty counts with the error.
    async fn collect_or_log(&self, request_id: &str, due: Time) -> (Collected, Result<(), Error>) {
        match self.collect(request_id, due).await {
            Ok(collected) => (collected, Ok(())),
            Err(error) => {
                tracing::error!(
                    request.id = request_id, cause = %error,
                    "collecting usage failed"
                );
                (Collected::default(), Err(error))
            }
        }
    }

    /// Evaluates quotas, applies blocks and events, then sends mails. The last evaluation of a run
    /// also publishes gauges.
    async fn evaluate_and_apply(
        &self,
        request_id: &str,
        Collected { open_hours, up }: Collected,
        started: Time,
        is_last: bool,
    ) -> Result<(), Error> {
        let mut evaluated =
            evaluate::evaluate(&self.quotas, open_hours, started).await.inspect_err(|error| {
                tracing::error!(
                    request.id = request_id, cause = %error,
                    "evaluating quotas failed"
                );
            })?;
        let leased = std::mem::take(&mut evaluated.leased);
        let publishing = async {
            if is_last {
                gauges::publish_gauges(&self.gauges, request_id, &evaluated, &up).await;
            }
        };
        let mails_until = started + MAIL_START_LIMIT;
        let (mails_failed, ()) =
            tokio::join!(send_mails::send_mails(&self.quotas, leased, mails_until), publishing);
        match evaluated.failed + mails_failed {
            0 => Ok(()),
            n => Err(Error::Unavailable(format!("{n} quotas failed"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_eventbridge_events() {
        let tick: Tick = serde_json::from_str(include_str!("../fixtures/schedule.json")).unwrap();
        assert_eq!(tick.time.unwrap().to_string(), "2026-11-20T16:00:00.000Z");
        assert!(serde_json::from_str::<Tick>("{}").unwrap().time.is_none());
    }
}
