//! Collects `CloudWatch` metrics.

use futures::{StreamExt, future::join_all, stream};
use model::{
    time::Time,
    usage::{Counter, OpenHour, Origin, Series, Source, SourceState, Upstream},
};
use store::{Error, Metric, Sums};

use super::{MAX_CONCURRENT, Outcome, SourceResult, page::unread};
use crate::{
    Checker,
    source::cloudwatch::{self, Query},
};

impl Checker {
    /// Collects all due `CloudWatch` metrics with as few calls as possible.
    pub(super) async fn collect_metrics(
        &self,
        sources: Vec<(Source, SourceState)>,
        due: Time,
    ) -> Vec<SourceResult> {
        let read = sources.into_iter().map(async |(source, state)| {
            let heads = self.usage.open_hours_at(&Origin::Source(source.name.clone())).await;
            (source, state, heads)
        });
        let read: Vec<_> = read.collect();
        let read: Vec<_> = stream::iter(read).buffered(MAX_CONCURRENT).collect().await;
        let questions: Vec<Option<Query>> = read
            .iter()
            .map(|(source, _, heads)| query(source, heads.as_ref().ok()?, due))
            .collect();
        let due_ones: Vec<_> = questions.iter().flatten().collect();
        let metrics: Vec<Metric> =
            due_ones.iter().map(|question| question.metric.clone()).collect();
        let from = due_ones.iter().map(|question| question.span.from).min().unwrap_or(due);
        let to = due_ones.iter().map(|question| question.span.to).max().unwrap_or(due);
        let mut answers = self.metric_store.sums(&metrics, from, to).await.into_iter();
        let mut outcomes = Vec::new();
        let mut missed = Vec::new();
        for ((source, state, heads), question) in read.into_iter().zip(questions) {
            let answer = match question.map(|question| (question, answers.next().flatten())) {
                None => None,
                Some((question, Some(answer))) => Some((question, answer)),
                Some((_, None)) => {
                    missed.push(Err(source.name));
                    continue;
                }
            };
            outcomes.push(self.collect_metric(source, state, heads, answer, due));
        }
        join_all(outcomes).await.into_iter().map(Ok).chain(missed).collect()
    }

    async fn collect_metric(
        &self,
        source: Source,
        state: SourceState,
        heads: Result<Vec<OpenHour>, Error>,
        answer: Option<(Query, Result<Sums, Error>)>,
        due: Time,
    ) -> Outcome {
        let lineage = source.generation.clone();
        let (heads, state) = match (heads, answer) {
            (Err(error), _) => {
                let state = state.failed_internally(&lineage, due, unread(&source, &error));
                (Vec::new(), state)
            }
            (Ok(heads), None) => (heads, state.succeeded(&lineage, due, 1, None)),
            (Ok(heads), Some((_, Err(error)))) => {
                tracing::warn!(
                    source = %source.name, cause = %error,
                    "CloudWatch returned no data"
                );
                (heads, state.failed(&lineage, due, "CloudWatch returned no data".to_owned()))
            }
            (Ok(heads), Some((question, Ok(sums)))) => {
                match self.count_metric(&source, heads, question, &sums).await {
                    Ok(heads) => (heads, state.succeeded(&lineage, due, 1, None)),
                    Err(error) => {
                        tracing::error!(
                            source = %source.name, cause = %error,
                            "counting usage failed"
                        );
                        (
                            Vec::new(),
                            state.failed_internally(&lineage, due, "the usage could not be stored"),
                        )
                    }
                }
            }
        };
        let origin = Origin::Source(source.name.clone());
        self.store_state(&source, state, origin, heads).await
    }

    /// Counts the values of a metric. Returns all open hours afterwards.
    async fn count_metric(
        &self,
        source: &Source,
        mut heads: Vec<OpenHour>,
        Query { span, .. }: Query,
        sums: &Sums,
    ) -> Result<Vec<OpenHour>, Error> {
        let Some(series) = series(source) else { return Ok(heads) };
        let head =
            heads.iter().position(|head| head.series == series).map(|nth| heads.swap_remove(nth));
        let minutes = cloudwatch::minutes_within(sums, span);
        let until =
            Counter { value: 0, samples: 1, due: span.to, generation: source.generation.clone() };
        let origin = Origin::Source(source.name.clone());
        heads.extend(self.count_minutes(&origin, &series, head, &minutes, &until).await?);
        Ok(heads)
    }
}

fn series(source: &Source) -> Option<Series> {
    let Upstream::Cloudwatch { fixed, account, .. } = &source.spec.0 else { return None };
    fixed.series(*account)
}

/// The query for a source, or `None` if no minute is due.
fn query(source: &Source, heads: &[OpenHour], due: Time) -> Option<Query> {
    let Upstream::Cloudwatch { namespace, metric_name, dimensions, .. } = &source.spec.0 else {
        return None;
    };
    let own = series(source)?;
    let head = heads.iter().find(|head| head.series == own);
    let span = cloudwatch::span(head, &source.generation, due)?;
    let metric = Metric {
        namespace: namespace.clone(),
        name: metric_name.clone(),
        dimensions: dimensions.clone(),
    };
    Some(Query { metric, span })
}
