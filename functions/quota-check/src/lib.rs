//! The minute tick: releases jobs due soon, collects usage, evaluates quotas, and finds jobs whose
//! message was lost.
//!
//! Every step may run twice or concurrently. A failed run returns an error, so that Lambda retries
//! it; the next minute's run starts independently of that.

mod apply;
mod collect;
mod evaluate;
mod gauges;
mod mail;
mod reconcile;
mod release;
mod rescue;
mod resend;
mod source;
mod totals;
mod walk;

use std::time::Duration;

use model::time::Time;
use outbound::Outbound;
use runtime::{clock::Clock, config::QuotaCheckConfig, telemetry::Metrics};
use serde::Deserialize;
use store::{
    AccountStore, Clients, DueStore, Error, EventStore, Gauges, JobQueue, JobStore, Mailer,
    MetricStore, QuotaStore, SourceStore, Table, Tallies, UsageStore, WalkStore,
};
use tokio::sync::Semaphore;

pub use apply::LEASE;
pub use collect::Collected;

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
    jobs: JobStore,
    due: DueStore,
    walks: WalkStore,
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
    /// Limits the number of concurrent usage writes.
    writes: Semaphore,
    tallies: Tallies,
    clock: Clock,
    metrics: Metrics,
}

impl Checker {
    #[must_use]
    pub fn new(clients: Clients, config: QuotaCheckConfig, clock: Clock, metrics: Metrics) -> Self {
        let table = Table::new(clients.dynamodb(), config.table);
        let tallies = Tallies::new(&table, &clock);
        let metrics = tallies.counters.count(metrics);
        Self {
            jobs: JobStore::new(table.clone()),
            due: DueStore::new(table.clone()),
            walks: WalkStore::new(table.clone()),
            quotas: QuotaStore::new(table.clone()),
            accounts: AccountStore::new(table.clone()),
            events: EventStore::new(
                table.clone(),
                tallies.rates.clone(),
                metrics.clone(),
                clock.clone(),
            ),
            mailer: Mailer::new(clients.ses(), config.sender),
            gauges: Gauges::new(clients.cloudwatch(), config.namespace),
            queue: JobQueue::new(clients.sqs(), config.queue_url),
            sources: SourceStore::new(table.clone()),
            usage: UsageStore::new(table),
            metric_store: MetricStore::new(clients.cloudwatch()),
            outbound: Outbound::new(config.allow_private_targets).with_gzip(),
            writes: Semaphore::new(collect::WRITES),
            tallies,
            clock,
            metrics,
        }
    }

    /// Returns this checker with `way` as the client for Prometheus pages.
    #[must_use]
    pub fn with_client(self, way: Outbound) -> Self {
        Self { outbound: way, ..self }
    }

    /// Runs all steps for the minute `due`. `request` is the Lambda request ID.
    ///
    /// # Errors
    /// When AWS can't be reached or refuses a request. The error is logged here.
    pub async fn check(&self, request: &str, due: Time) -> Result<(), Error> {
        let watched = Box::pin(self.collect_and_evaluate(request, due));
        let begun = self.clock.now();
        let (watched, audited, released, rescued) = tokio::join!(
            watched,
            Box::pin(self.reconcile(request, due)),
            Box::pin(self.release(request, begun)),
            Box::pin(self.rescue(request, begun)),
        );
        let log = |outcome: &Result<(), Error>, what: &str| {
            if let Err(error) = outcome {
                tracing::error!(request.id = request, cause = %error, "{what}");
            }
        };
        log(&audited, "reconciling the ready queue failed");
        log(&released, "releasing due jobs failed");
        log(&rescued, "finding overdue jobs failed");
        self.tallies.flush().await;
        watched.and(audited).and(released).and(rescued)
    }

    /// Collects usage and evaluates the quotas. Sources that respond quickly are evaluated right
    /// away, with the earlier counts of the others, so that a slow source delays no quota. The
    /// quotas are evaluated again when all sources have responded or failed.
    async fn collect_and_evaluate(&self, request: &str, due: Time) -> Result<(), Error> {
        let begun = self.clock.now();
        let mut collecting = Box::pin(self.collect_or_log(request, due));
        if let Ok((collected, outcome)) = tokio::time::timeout(SOURCE_WAIT, &mut collecting).await {
            return outcome.and(self.evaluate_and_apply(request, collected, begun, true).await);
        }
        let late = async {
            let (collected, outcome) = collecting.await;
            outcome.and(self.evaluate_and_apply(request, collected, begun, true).await)
        };
        let (early, late) = tokio::join!(
            self.evaluate_and_apply(request, Collected::default(), begun, false),
            late
        );
        early.and(late)
    }

    /// Collects from all sources. If that fails, returns empty counts with the error.
    async fn collect_or_log(&self, request: &str, due: Time) -> (Collected, Result<(), Error>) {
        match self.collect(request, due).await {
            Ok(collected) => (collected, Ok(())),
            Err(error) => {
                tracing::error!(
                    request.id = request, cause = %error,
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
        request: &str,
        collected: Collected,
        begun: Time,
        is_last: bool,
    ) -> Result<(), Error> {
        let Collected { open_hours: heads, up } = collected;
        let mut evaluated = self.evaluate(heads, begun).await.inspect_err(|error| {
            tracing::error!(request.id = request, cause = %error, "evaluating quotas failed");
        })?;
        let held = std::mem::take(&mut evaluated.leased);
        let shown = async {
            if is_last {
                self.publish_gauges(request, &evaluated, &up).await;
            }
        };
        let (unnoted, ()) = tokio::join!(self.send_mails(held, begun + MAIL_START_LIMIT), shown);
        match evaluated.failed + unnoted {
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
