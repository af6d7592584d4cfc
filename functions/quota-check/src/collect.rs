//! Every minute, what each source has counted since the last.
//!
//! Sources are asked side by side, and each fails for itself. Within a source each series is counted for itself: a conditional write of
//! its head, which somebody else's run, or this one's repeat, finds done.

mod count;
mod own;

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, future::join_all, stream};
use shared::{
    aws::{Error, Metric},
    name::Name,
    telemetry::Record,
    time::Time,
    usage::{Counter, Head, Origin, Selection, Series, Source, SourceState, Upstream},
};

use crate::{
    Checker,
    source::{
        cloudwatch::{self, Question},
        prometheus::{self, Counters},
    },
};
pub use count::AT_ONCE as WRITES;
use count::Tick;

/// After how long a collection is given up: the function's time-out in the template is 50 seconds, and the rest of a run comes after it.
const PATIENCE: Duration = Duration::from_secs(35);
/// How many sources are asked at once.
const AT_ONCE: usize = 16;
/// How far back a minute may be that a run is for; a later one looks at its own.
const LATEST: Duration = Duration::from_secs(120);

/// What a collection knows of heads, for whoever needs them next.
#[derive(Debug, Default)]
pub struct Collected {
    /// The heads at each source that was collected whole, as they are now. Those at others are as they were.
    pub heads: BTreeMap<Origin, Vec<Head>>,
    /// Of each source, whether it could be collected when that was last tried.
    pub up: BTreeMap<Name, bool>,
}

/// What came of one source.
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
            Err(Error::Unavailable(format!("usage was not collected within {} s", PATIENCE.as_secs())))
        })
    }

    async fn collect_all(&self, request: &str, due: Time) -> Result<Collected, Error> {
        let mut sources = self.sources.all().await?;
        let defined = sources.len();
        let mut up: BTreeMap<_, _> =
            sources.iter().map(|(source, state)| (source.name.clone(), state.failures == 0)).collect();
        // What this minute's run did already, and what is given a rest.
        sources.retain(|(source, state)| {
            let lineage = source.spec.lineage();
            let is_done = state.lineage == lineage && state.last_success_at.is_some_and(|at| at >= due);
            !is_done && state.is_asked(&lineage, due)
        });
        let (pages, metrics): (Vec<_>, Vec<_>) =
            sources.into_iter().partition(|(source, _)| matches!(source.spec.0, Upstream::Prometheus { .. }));
        let asked = pages.len() + metrics.len();
        let pages = pages.into_iter().map(|(source, state)| self.collect_page(source, state, due));
        let pages: Vec<_> = pages.collect();
        let (mut outcomes, of_metrics) = tokio::join!(
            stream::iter(pages).buffer_unordered(AT_ONCE).collect::<Vec<_>>(),
            self.collect_metrics(metrics, due),
        );
        outcomes.extend(of_metrics);
        self.tell(request, &outcomes, defined - asked, due);
        for outcome in &outcomes {
            if let Origin::Source(name) = &outcome.origin {
                up.insert(name.clone(), outcome.state.failures == 0);
            }
        }
        let whole = outcomes.into_iter().filter(|outcome| outcome.state.failures == 0);
        Ok(Collected { heads: whole.map(|outcome| (outcome.origin, outcome.heads)).collect(), up })
    }

    async fn collect_page(&self, source: Source, state: SourceState, due: Time) -> Outcome {
        let Upstream::Prometheus { url, preset, metric, labels, fixed, account } = &source.spec.0 else {
            return Outcome { origin: Origin::Source(source.name), heads: Vec::new(), state };
        };
        let selection = Selection::new(*preset, metric.as_deref(), labels, fixed);
        let origin = Origin::Source(source.name.clone());
        let lineage = source.spec.lineage();
        let asked_at = self.clock.now();
        let (page, heads) = tokio::join!(
            prometheus::collect(&self.outbound, url, &selection, *account),
            self.usage.heads_of(&origin),
        );
        let tick =
            Tick { origin: origin.clone(), asked_at, at: self.clock.now(), due, lineage: lineage.clone() };
        let (heads, state) = match (page, heads) {
            (Ok(Counters { each, warning, in_part }), Ok(heads)) => {
                let watched = state.watched(&lineage, due);
                let series = each.len();
                let (heads, failed) = self.count_all(&tick, heads, each, watched).await;
                let state = match failed {
                    0 => state.succeeded(&lineage, due, series, warning).in_part(in_part),
                    _ => {
                        let why = format!("{failed} of {series} series could not be stored");
                        state.stumbled(&lineage, due, &why)
                    }
                };
                (heads, state)
            }
            (Err(why), heads) => (heads.unwrap_or_default(), state.failed(&lineage, due, why.to_string())),
            (Ok(_), Err(error)) => {
                tracing::error!(source = %source.name, cause = %error, "usage could not be read");
                (Vec::new(), state.stumbled(&lineage, due, "the gateway could not read what it had"))
            }
        };
        self.keep(&source, state, origin, heads).await
    }

    async fn keep(&self, source: &Source, state: SourceState, origin: Origin, heads: Vec<Head>) -> Outcome {
        if let Err(error) = self.sources.put_state(&source.name, &state).await {
            tracing::error!(source = %source.name, cause = %error, "how a source's collection went could not be kept");
        }
        Outcome { origin, heads, state }
    }

    /// Counts each series, some side by side; the heads as they are then, and how many could not be counted.
    async fn count_all(
        &self,
        tick: &Tick,
        heads: Vec<Head>,
        counters: BTreeMap<Series, u64>,
        watched: bool,
    ) -> (Vec<Head>, usize) {
        let mut heads: BTreeMap<Series, Head> =
            heads.into_iter().map(|head| (head.series.clone(), head)).collect();
        let known: Vec<_> =
            counters.into_iter().map(|(series, value)| (heads.remove(&series), series, value)).collect();
        let counts =
            known.into_iter().map(|(head, series, value)| self.count(tick, head, series, value, watched));
        let counts: Vec<_> = counts.collect();
        let counted: Vec<_> = stream::iter(counts).buffer_unordered(count::AT_ONCE).collect().await;
        let mut failed = 0;
        let mut after: Vec<Head> = heads.into_values().collect();
        for head in counted {
            match head {
                Ok(head) => after.push(head),
                Err(error) => {
                    if failed == 0 {
                        tracing::error!(source = %tick.origin, cause = %error, "usage could not be counted");
                    }
                    failed += 1;
                }
            }
        }
        (after, failed)
    }

    /// Collects metrics of `CloudWatch`, all that are due in as few calls as it takes.
    async fn collect_metrics(&self, sources: Vec<(Source, SourceState)>, due: Time) -> Vec<Outcome> {
        let read = sources.into_iter().map(async |(source, state)| {
            let heads = self.usage.heads_of(&Origin::Source(source.name.clone())).await;
            (source, state, heads)
        });
        let read: Vec<_> = read.collect();
        let read: Vec<_> = stream::iter(read).buffered(AT_ONCE).collect().await;
        let asked_at = self.clock.now();
        let questions: Vec<Option<Question>> =
            read.iter().map(|(source, _, heads)| question(source, heads.as_ref().ok()?, due)).collect();
        let due_ones: Vec<_> = questions.iter().flatten().collect();
        let metrics: Vec<Metric> = due_ones.iter().map(|question| question.metric.clone()).collect();
        let from = due_ones.iter().map(|question| question.span.from).min().unwrap_or(due);
        let to = due_ones.iter().map(|question| question.span.to).max().unwrap_or(due);
        let mut answers = self.metric_store.sums(&metrics, from, to).await.into_iter();
        let mut outcomes = Vec::new();
        for ((source, state, heads), question) in read.into_iter().zip(questions) {
            let answer = question.and_then(|question| Some((question, answers.next()?)));
            outcomes.push(self.count_metric(source, state, heads, answer, asked_at, due));
        }
        join_all(outcomes).await
    }

    async fn count_metric(
        &self,
        source: Source,
        state: SourceState,
        heads: Result<Vec<Head>, Error>,
        answer: Option<(Question, Result<shared::aws::Sums, Error>)>,
        asked_at: Time,
        due: Time,
    ) -> Outcome {
        let origin = Origin::Source(source.name.clone());
        let lineage = source.spec.lineage();
        let (heads, state) = match (heads, answer) {
            (Err(error), _) => {
                tracing::error!(source = %source.name, cause = %error, "usage could not be read");
                (Vec::new(), state.stumbled(&lineage, due, "the gateway could not read what it had"))
            }
            (Ok(heads), None) => (heads, state.succeeded(&lineage, due, 1, None)),
            (Ok(heads), Some((_, Err(error)))) => {
                tracing::warn!(source = %source.name, cause = %error, "CloudWatch gave no data");
                (heads, state.failed(&lineage, due, "CloudWatch gave no data for it".to_owned()))
            }
            (Ok(heads), Some((Question { span, .. }, Ok(sums)))) => {
                let counted = cloudwatch::counted(&sums, span);
                let counter =
                    Counter { value: 0, at: self.clock.now(), due: span.to, lineage: lineage.clone() };
                match self.count_minutes(&origin, series(&source), heads, &counted, counter, asked_at).await {
                    Ok(heads) => (heads, state.succeeded(&lineage, due, 1, None)),
                    Err(error) => {
                        tracing::error!(source = %source.name, cause = %error, "usage could not be counted");
                        (Vec::new(), state.stumbled(&lineage, due, "it could not be stored"))
                    }
                }
            }
        };
        self.keep(&source, state, origin, heads).await
    }

    fn tell(&self, request: &str, outcomes: &[Outcome], resting: usize, due: Time) {
        let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.state.failures > 0).collect();
        for outcome in &failed {
            let (source, cause) = (&outcome.origin, outcome.state.last_error.as_deref().unwrap_or_default());
            tracing::warn!(request.id = request, %source, cause, "a source could not be collected");
        }
        let series = outcomes.iter().filter(|outcome| outcome.state.failures == 0);
        let series: u64 = series.map(|outcome| outcome.state.series).sum();
        let record = Record::new()
            .count("SeriesCollected", usize::try_from(series).unwrap_or(usize::MAX))
            .count("SourcesFailed", failed.len());
        if !outcomes.is_empty() {
            self.metrics.emit(record, self.clock.now());
        }
        tracing::debug!(request.id = request, %due, sources = outcomes.len(), resting, series, "usage was collected");
    }
}

/// The whole minute that a run for a time is for.
fn minute(due: Time, now: Time) -> Time {
    let due = if due > now || now.since(due) > LATEST { now } else { due };
    Time::from_millis(due.millis() - due.millis().rem_euclid(60_000))
}

fn series(source: &Source) -> Option<Series> {
    let Upstream::Cloudwatch { fixed, account, .. } = &source.spec.0 else { return None };
    fixed.series(*account)
}

/// What to ask `CloudWatch` for a source.
fn question(source: &Source, heads: &[Head], due: Time) -> Option<Question> {
    let Upstream::Cloudwatch { namespace, metric_name, dimensions, .. } = &source.spec.0 else { return None };
    let own = series(source)?;
    let head = heads.iter().find(|head| head.series == own);
    let span = cloudwatch::span(head, &source.spec.lineage(), due)?;
    let metric =
        Metric { namespace: namespace.clone(), name: metric_name.clone(), dimensions: dimensions.clone() };
    Some(Question { metric, span })
}
