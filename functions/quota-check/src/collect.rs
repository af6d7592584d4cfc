//! Collects from each source what it has counted since the last minute.
//!
//! Sources are collected concurrently and fail independently. Within a source, each series is
//! counted by its own conditional write of the open hour. If another run, or a retry of this one,
//! counted the series first, that write has no effect.

mod count;
mod metrics;
mod page;

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use model::{
    name::Name,
    time::Time,
    usage::{OpenHour, Origin, Source, SourceState, Upstream},
};
use runtime::{metrics::registry, telemetry::Record};
use store::Error;
use tokio::time::Instant;

use crate::Checker;
pub use count::MAX_CONCURRENT_WRITES as WRITES;

/// Time limit of a collection. The function's timeout in the template is 50 seconds, and other
/// steps follow.
const COLLECT_TIME_LIMIT: Duration = Duration::from_secs(35);
/// How long a run starts requests to sources; started requests may take until the time limit. If no
/// source responds, a run tries up to twice [`MAX_CONCURRENT`] sources and leaves the rest to the
/// next run.
const START_WINDOW: Duration = Duration::from_secs(17);
/// Number of sources collected concurrently. Each holds at most a few megabytes of its page in
/// memory.
const MAX_CONCURRENT: usize = 32;
/// Maximum age of the scheduled minute; an older event is handled as the current minute.
const MAX_TICK_AGE: Duration = Duration::from_secs(120);
/// Maximum lead of `EventBridge`'s clock over this machine's.
const MAX_CLOCK_LEAD: Duration = Duration::from_secs(30);

/// Result of a collection.
#[derive(Debug, Default)]
pub struct Collected {
    /// Current open hours by source, for the sources collected completely. Those of other sources
    /// are unchanged.
    pub open_hours: BTreeMap<Origin, Vec<OpenHour>>,
    /// Whether the last attempt to collect each source succeeded. Sources skipped in this run are
    /// left out.
    pub up: BTreeMap<Name, bool>,
}

/// Result for one source, or its name if it was skipped.
type SourceResult = Result<Outcome, Name>;

struct Outcome {
    origin: Origin,
    heads: Vec<OpenHour>,
    state: SourceState,
}

impl Checker {
    /// Collects the sources due in a minute.
    ///
    /// # Errors
    /// When the table can't be read, so that nothing was collected. Errors of a single source are
    /// stored in its state and logged.
    pub async fn collect(&self, request: &str, due: Time) -> Result<Collected, Error> {
        let due = minute(due, self.clock.now());
        let collecting = Box::pin(self.collect_all(request, due));
        tokio::time::timeout(COLLECT_TIME_LIMIT, collecting).await.unwrap_or_else(|_| {
            Err(Error::Unavailable(format!(
                "collecting usage took longer than {} s",
                COLLECT_TIME_LIMIT.as_secs()
            )))
        })
    }

    async fn collect_all(&self, request: &str, due: Time) -> Result<Collected, Error> {
        let mut sources = self.sources.all().await?;
        let defined = sources.len();
        let mut up: BTreeMap<_, _> = sources
            .iter()
            .map(|(source, state)| (source.name.clone(), state.failures == 0))
            .collect();
        // Skip sources already collected for this minute, and those in backoff.
        sources.retain(|(source, state)| {
            let lineage = &source.generation;
            let is_done =
                state.lineage == *lineage && state.last_success_at.is_some_and(|at| at >= due);
            !is_done && state.is_due(lineage, due)
        });
        sources.sort_by_key(|(source, state)| state.last_attempt(&source.generation));
        let (pages, metrics): (Vec<_>, Vec<_>) = sources
            .into_iter()
            .partition(|(source, _)| matches!(source.spec.0, Upstream::Prometheus { .. }));
        let asked = pages.len() + metrics.len();
        let end = Instant::now() + START_WINDOW;
        let pages = pages.into_iter().map(async |(source, state)| match Instant::now() < end {
            true => Ok(self.collect_page(source, state, due).await),
            false => Err(source.name),
        });
        let pages: Vec<_> = pages.collect();
        let (mut turns, of_metrics) = tokio::join!(
            stream::iter(pages).buffer_unordered(MAX_CONCURRENT).collect::<Vec<SourceResult>>(),
            self.collect_metrics(metrics, due),
        );
        turns.extend(of_metrics);
        let (mut outcomes, mut missed) = (Vec::new(), Vec::new());
        for turn in turns {
            match turn {
                Ok(outcome) => outcomes.push(outcome),
                Err(source) => missed.push(source),
            }
        }
        self.publish_metrics(request, &outcomes, &missed, due);
        tracing::debug!(
            request.id = request, %due, asked, resting = defined - asked,
            "usage collected"
        );
        for source in &missed {
            up.remove(source);
        }
        for outcome in &outcomes {
            if let Origin::Source(name) = &outcome.origin {
                up.insert(name.clone(), outcome.state.failures == 0);
            }
        }
        let whole = outcomes.into_iter().filter(|outcome| outcome.state.failures == 0);
        Ok(Collected {
            open_hours: whole.map(|outcome| (outcome.origin, outcome.heads)).collect(),
            up,
        })
    }

    async fn store_state(
        &self,
        source: &Source,
        state: SourceState,
        origin: Origin,
        heads: Vec<OpenHour>,
    ) -> Outcome {
        if let Err(error) = self.sources.put_state(&source.name, &state).await {
            tracing::error!(
                source = %source.name, cause = %error,
                "storing the source's state failed"
            );
        }
        Outcome { origin, heads, state }
    }

    fn publish_metrics(&self, request: &str, outcomes: &[Outcome], missed: &[Name], due: Time) {
        for source in missed {
            tracing::warn!(
                request.id = request, %source, %due,
                "source skipped, collected first by the next run"
            );
        }
        let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.state.failures > 0).collect();
        for outcome in &failed {
            let (source, cause) =
                (&outcome.origin, outcome.state.last_error.as_deref().unwrap_or_default());
            tracing::warn!(request.id = request, %source, cause, "collecting a source failed");
        }
        let series = outcomes.iter().filter(|outcome| outcome.state.failures == 0);
        let series: u64 = series.fold(0, |sum, outcome| sum.saturating_add(outcome.state.series));
        let record = Record::new()
            .count(&registry::SERIES_COLLECTED, usize::try_from(series).unwrap_or(usize::MAX))
            .count(&registry::SOURCES_FAILED, failed.len())
            .count(&registry::SOURCES_MISSED, missed.len());
        if !outcomes.is_empty() || !missed.is_empty() {
            self.metrics.emit(&record, self.clock.now());
        }
    }
}

/// The whole minute to collect for.
fn minute(due: Time, now: Time) -> Time {
    let is_near = due <= now + MAX_CLOCK_LEAD && now.since(due) <= MAX_TICK_AGE;
    let due = if is_near { due } else { now };
    Time::from_millis(due.millis() - due.millis().rem_euclid(60_000))
}
