//! Collects from each source what it has counted since the last minute.
//!
//! Sources are collected concurrently and fail independently. Within a source, each series is
//! counted by its own conditional write of the open hour. If another run, or a retry of this one,
//! counted the series first, that write has no effect.

mod cloudwatch;
mod context;
mod count;
mod page;
mod record;

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use model::{
    name::Name,
    time::Time,
    usage::{OpenHour, Origin, Source, SourceState, Upstream},
};
use store::Error;
use tokio::time::Instant;

use context::{MAX_CONCURRENT, SourceResult, SourceUsage};

pub use context::{Collector, MAX_CONCURRENT_WRITES};

/// Time limit of a collection. The function's timeout in the template is 50 seconds, and other
/// steps follow.
const COLLECT_TIME_LIMIT: Duration = Duration::from_secs(35);
/// How long a run starts requests to sources; started requests may take until the time limit. If no
/// source responds, a run tries up to twice [`MAX_CONCURRENT`] sources and leaves the rest to the
/// next run.
const START_WINDOW: Duration = Duration::from_secs(17);
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

/// Collects the sources due in a minute. Errors of a single source are stored in its state and
/// logged.
pub async fn collect(
    collector: &Collector,
    request_id: &str,
    due: Time,
) -> Result<Collected, Error> {
    let due = minute(due, collector.clock.now());
    let collecting = Box::pin(collect_all(collector, request_id, due));
    tokio::time::timeout(COLLECT_TIME_LIMIT, collecting).await.unwrap_or_else(|_| {
        Err(Error::Unavailable(format!(
            "collecting usage took longer than {} s",
            COLLECT_TIME_LIMIT.as_secs()
        )))
    })
}

async fn collect_all(
    collector: &Collector,
    request_id: &str,
    due: Time,
) -> Result<Collected, Error> {
    let mut sources = collector.sources.all().await?;
    let defined = sources.len();
    let up: BTreeMap<_, _> =
        sources.iter().map(|(source, state)| (source.name.clone(), state.failures == 0)).collect();
    sources.retain(|(source, state)| is_due(source, state, due));
    sources.sort_by_key(|(source, state)| state.last_attempt(&source.generation));
    let due_sources = sources.len();
    let (collected, skipped) = collect_due(collector, sources, due).await;
    record::record(collector, request_id, &collected, &skipped, due);
    tracing::debug!(
        request.id = request_id, %due, asked = due_sources, resting = defined - due_sources,
        "usage collected"
    );
    Ok(Collected::new(up, collected, &skipped))
}

/// Whether the source is neither collected for this minute already nor in backoff.
fn is_due(source: &Source, state: &SourceState, due: Time) -> bool {
    let generation = &source.generation;
    let is_collected =
        state.lineage == *generation && state.last_success_at.is_some_and(|at| at >= due);
    !is_collected && state.is_due(generation, due)
}

/// Collects the sources. Returns their usage, and the names of those that were skipped.
async fn collect_due(
    collector: &Collector,
    sources: Vec<(Source, SourceState)>,
    due: Time,
) -> (Vec<SourceUsage>, Vec<Name>) {
    let (pages, metrics): (Vec<_>, Vec<_>) = sources
        .into_iter()
        .partition(|(source, _)| matches!(source.spec.0, Upstream::Prometheus { .. }));
    let end = Instant::now() + START_WINDOW;
    let pages = pages.into_iter().map(async |(source, state)| {
        if Instant::now() < end {
            SourceResult::Collected(page::collect_page(collector, source, state, due).await)
        } else {
            SourceResult::Skipped(source.name)
        }
    });
    let pages: Vec<_> = pages.collect();
    let (pages, metrics) = tokio::join!(
        stream::iter(pages).buffer_unordered(MAX_CONCURRENT).collect::<Vec<_>>(),
        cloudwatch::collect_metrics(collector, metrics, due),
    );
    let (mut collected, mut skipped) = (Vec::new(), Vec::new());
    for result in pages.into_iter().chain(metrics) {
        match result {
            SourceResult::Collected(usage) => collected.push(usage),
            SourceResult::Skipped(source) => skipped.push(source),
        }
    }
    (collected, skipped)
}

impl Collected {
    /// `up` holds the results of earlier runs.
    fn new(mut up: BTreeMap<Name, bool>, collected: Vec<SourceUsage>, skipped: &[Name]) -> Self {
        for source in skipped {
            up.remove(source);
        }
        for usage in &collected {
            if let Origin::Source(name) = &usage.origin {
                up.insert(name.clone(), usage.state.failures == 0);
            }
        }
        let complete = collected.into_iter().filter(|usage| usage.state.failures == 0);
        Self { open_hours: complete.map(|usage| (usage.origin, usage.open_hours)).collect(), up }
    }
}

/// The whole minute to collect for.
fn minute(due: Time, now: Time) -> Time {
    let is_near = due <= now + MAX_CLOCK_LEAD && now.since(due) <= MAX_TICK_AGE;
    let due = if is_near { due } else { now };
    Time::from_millis(due.millis() - due.millis().rem_euclid(60_000))
}
