//! Every minute, what each source has counted since the last.
//!
//! Sources are asked side by side, and each fails for itself. Within a source each series is counted for itself: a conditional write of
//! its head, which somebody else's run, or this one's repeat, finds done.

mod count;
mod metrics;
mod page;

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, stream};
use shared::{
    aws::Error,
    metrics::registry,
    name::Name,
    telemetry::Record,
    time::Time,
    usage::{Head, Origin, Source, SourceState, Upstream},
};
use tokio::time::Instant;

use crate::Checker;
pub use count::AT_ONCE as WRITES;

/// After how long a collection is given up: the function's time-out in the template is 50 seconds, and the rest of a run comes after it.
const PATIENCE: Duration = Duration::from_secs(35);
/// For how long a run begins to ask sources: what it begins may take until its patience ends. Of those that answer nothing at all it asks as
/// many as twice [`AT_ONCE`], and leaves the others to the next run.
const BEGIN: Duration = Duration::from_secs(17);
/// How many sources are asked at once. What is read of a page is a few megabytes at most.
const AT_ONCE: usize = 32;
/// How far back a minute may be that a run is for; a later one looks at its own.
const LATEST: Duration = Duration::from_secs(120);
/// How far ahead of this machine's clock that of `EventBridge` may be.
const AHEAD: Duration = Duration::from_secs(30);

/// What a collection knows of heads, for whoever needs them next.
#[derive(Debug, Default)]
pub struct Collected {
    /// The heads at each source that was collected whole, as they are now. Those at others are as they were.
    pub heads: BTreeMap<Origin, Vec<Head>>,
    /// Of each source, whether it could be collected when that was last tried; not of those whose turn didn't come.
    pub up: BTreeMap<Name, bool>,
}

/// What came of one source; the source, if its turn didn't come.
type Turn = Result<Outcome, Name>;

/// What came of one source that was asked.
struct Outcome {
    origin: Origin,
    heads: Vec<Head>,
    state: SourceState,
}

impl Checker {
    /// Collects what is due in a minute.
    ///
    /// # Errors
    /// When the table can't be read, so that nothing could be collected. What went wrong with a source is in its state, and in the log.
    pub async fn collect(&self, request: &str, due: Time) -> Result<Collected, Error> {
        let due = minute(due, self.clock.now());
        let collecting = Box::pin(self.collect_all(request, due));
        tokio::time::timeout(PATIENCE, collecting).await.unwrap_or_else(|_| {
            Err(Error::Unavailable(format!(
                "usage was not collected within {} s",
                PATIENCE.as_secs()
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
        // What this minute's run did already, and what is given a rest.
        sources.retain(|(source, state)| {
            let lineage = &source.lineage;
            let is_done =
                state.lineage == *lineage && state.last_success_at.is_some_and(|at| at >= due);
            !is_done && state.is_asked(lineage, due)
        });
        sources.sort_by_key(|(source, state)| state.last_tried(&source.lineage));
        let (pages, metrics): (Vec<_>, Vec<_>) = sources
            .into_iter()
            .partition(|(source, _)| matches!(source.spec.0, Upstream::Prometheus { .. }));
        let asked = pages.len() + metrics.len();
        let end = Instant::now() + BEGIN;
        let pages = pages.into_iter().map(async |(source, state)| match Instant::now() < end {
            true => Ok(self.collect_page(source, state, due).await),
            false => Err(source.name),
        });
        let pages: Vec<_> = pages.collect();
        let (mut turns, of_metrics) = tokio::join!(
            stream::iter(pages).buffer_unordered(AT_ONCE).collect::<Vec<Turn>>(),
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
        self.tell(request, &outcomes, &missed, due);
        tracing::debug!(request.id = request, %due, asked, resting = defined - asked, "usage was collected");
        for source in &missed {
            up.remove(source);
        }
        for outcome in &outcomes {
            if let Origin::Source(name) = &outcome.origin {
                up.insert(name.clone(), outcome.state.failures == 0);
            }
        }
        let whole = outcomes.into_iter().filter(|outcome| outcome.state.failures == 0);
        Ok(Collected { heads: whole.map(|outcome| (outcome.origin, outcome.heads)).collect(), up })
    }

    async fn keep(
        &self,
        source: &Source,
        state: SourceState,
        origin: Origin,
        heads: Vec<Head>,
    ) -> Outcome {
        if let Err(error) = self.sources.put_state(&source.name, &state).await {
            tracing::error!(source = %source.name, cause = %error, "how a source's collection went could not be kept");
        }
        Outcome { origin, heads, state }
    }

    fn tell(&self, request: &str, outcomes: &[Outcome], missed: &[Name], due: Time) {
        for source in missed {
            tracing::warn!(request.id = request, %source, %due, "a source's turn did not come: it is among the next run's first");
        }
        let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.state.failures > 0).collect();
        for outcome in &failed {
            let (source, cause) =
                (&outcome.origin, outcome.state.last_error.as_deref().unwrap_or_default());
            tracing::warn!(request.id = request, %source, cause, "a source could not be collected");
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

/// The whole minute that a run for a time is for.
fn minute(due: Time, now: Time) -> Time {
    let is_near = due <= now + AHEAD && now.since(due) <= LATEST;
    let due = if is_near { due } else { now };
    Time::from_millis(due.millis() - due.millis().rem_euclid(60_000))
}
