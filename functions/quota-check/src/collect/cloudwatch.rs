//! Collects `CloudWatch` metrics.

use futures::{StreamExt, future::join_all, stream};
use model::{
    time::Time,
    usage::{Counter, OpenHour, Origin, Series, Source, SourceState, Upstream},
};
use store::{Error, Metric, Sums};

use super::{
    context::{Collector, MAX_CONCURRENT, SourceResult, SourceUsage, read_failed, store_state},
    count::count_minutes,
};
use crate::source::cloudwatch::{self, Query};

/// A source with its open hours.
struct DueSource {
    source: Source,
    state: SourceState,
    open_hours: Result<Vec<OpenHour>, Error>,
}

/// A query and its result.
type QueryResult = (Query, Result<Sums, Error>);

/// Collects all due `CloudWatch` metrics with as few calls as possible.
pub async fn collect_metrics(
    collector: &Collector,
    sources: Vec<(Source, SourceState)>,
    due: Time,
) -> Vec<SourceResult> {
    let sources = read_open_hours(collector, sources).await;
    let queries: Vec<_> = sources.iter().map(|source| source.query(due)).collect();
    let mut sums = read_sums(collector, &queries, due).await.into_iter();
    let mut collected = Vec::new();
    let mut skipped = Vec::new();
    for (source, query) in sources.into_iter().zip(queries) {
        let result = match query.map(|query| (query, sums.next().flatten())) {
            None => None,
            Some((query, Some(sums))) => Some((query, sums)),
            Some((_, None)) => {
                skipped.push(SourceResult::Skipped(source.source.name));
                continue;
            }
        };
        collected.push(collect_metric(collector, source, result, due));
    }
    let collected = join_all(collected).await.into_iter().map(SourceResult::Collected);
    collected.chain(skipped).collect()
}

async fn read_open_hours(
    collector: &Collector,
    sources: Vec<(Source, SourceState)>,
) -> Vec<DueSource> {
    let reads = sources.into_iter().map(async |(source, state)| {
        let origin = Origin::Source(source.name.clone());
        let open_hours = collector.usage.open_hours_at(&origin).await;
        DueSource { source, state, open_hours }
    });
    let reads: Vec<_> = reads.collect();
    stream::iter(reads).buffered(MAX_CONCURRENT).collect().await
}

/// The sums of each query, or `None` for those that were not requested.
async fn read_sums(
    collector: &Collector,
    queries: &[Option<Query>],
    due: Time,
) -> Vec<Option<Result<Sums, Error>>> {
    let queries: Vec<_> = queries.iter().flatten().collect();
    let metrics: Vec<Metric> = queries.iter().map(|query| query.metric.clone()).collect();
    let from = queries.iter().map(|query| query.span.from).min().unwrap_or(due);
    let to = queries.iter().map(|query| query.span.to).max().unwrap_or(due);
    collector.cloudwatch.sums(&metrics, from, to).await
}

async fn collect_metric(
    collector: &Collector,
    DueSource { source, state, open_hours }: DueSource,
    result: Option<QueryResult>,
    due: Time,
) -> SourceUsage {
    let generation = &source.generation;
    let (open_hours, state) = match (open_hours, result) {
        (Err(error), _) => {
            let state = state.failed_internally(generation, due, read_failed(&source, &error));
            (Vec::new(), state)
        }
        (Ok(open_hours), None) => (open_hours, state.succeeded(generation, due, 1, None)),
        (Ok(open_hours), Some((_, Err(error)))) => {
            tracing::warn!(
                source = %source.name, cause = %error,
                "CloudWatch returned no data"
            );
            let state = state.failed(generation, due, "CloudWatch returned no data".to_owned());
            (open_hours, state)
        }
        (Ok(open_hours), Some((query, Ok(sums)))) => {
            match count_metric(collector, &source, open_hours, query, &sums).await {
                Ok(open_hours) => (open_hours, state.succeeded(generation, due, 1, None)),
                Err(error) => (Vec::new(), count_failed(&source, state, &error, due)),
            }
        }
    };
    store_state(collector, &source, state, open_hours).await
}

fn count_failed(source: &Source, state: SourceState, error: &Error, due: Time) -> SourceState {
    tracing::error!(source = %source.name, cause = %error, "counting usage failed");
    state.failed_internally(&source.generation, due, "the usage could not be stored")
}

/// Counts the values of a metric. Returns all open hours afterwards.
async fn count_metric(
    collector: &Collector,
    source: &Source,
    mut open_hours: Vec<OpenHour>,
    Query { span, .. }: Query,
    sums: &Sums,
) -> Result<Vec<OpenHour>, Error> {
    let Some(series) = series(source) else { return Ok(open_hours) };
    let before = open_hours.iter().position(|hour| hour.series == series);
    let before = before.map(|n| open_hours.swap_remove(n));
    let minutes = cloudwatch::minutes_within(sums, span);
    let until =
        Counter { value: 0, samples: 1, due: span.to, generation: source.generation.clone() };
    let origin = Origin::Source(source.name.clone());
    open_hours.extend(count_minutes(collector, &origin, &series, before, &minutes, &until).await?);
    Ok(open_hours)
}

fn series(source: &Source) -> Option<Series> {
    let Upstream::Cloudwatch { fixed, account, .. } = &source.spec.0 else { return None };
    fixed.series(*account)
}

impl DueSource {
    /// The query for the source, or `None` if no minute is due.
    fn query(&self, due: Time) -> Option<Query> {
        let Upstream::Cloudwatch { namespace, metric_name, dimensions, .. } = &self.source.spec.0
        else {
            return None;
        };
        let open_hours = self.open_hours.as_ref().ok()?;
        let series = series(&self.source)?;
        let open_hour = open_hours.iter().find(|hour| hour.series == series);
        let span = cloudwatch::span(open_hour, &self.source.generation, due)?;
        let metric = Metric {
            namespace: namespace.clone(),
            name: metric_name.clone(),
            dimensions: dimensions.clone(),
        };
        Some(Query { metric, span })
    }
}
