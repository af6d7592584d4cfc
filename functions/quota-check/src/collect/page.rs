//! Collects Prometheus pages.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use model::{
    time::Time,
    usage::{OpenHour, Origin, Selection, Series, Source, SourceState, Upstream},
};
use store::Error;

use super::{
    Outcome,
    count::{self, Collection},
};
use crate::{
    Checker,
    source::prometheus::{self, Counters, Sum},
};

impl Checker {
    /// Fetches a source's page and counts its increases. The open hours are read before the page is
    /// requested, so that the page is newer than they are.
    pub(super) async fn collect_page(
        &self,
        source: Source,
        state: SourceState,
        due: Time,
    ) -> Outcome {
        let origin = Origin::Source(source.name.clone());
        let (heads, state) = match self.usage.open_hours_at(&origin).await {
            Ok(heads) => self.count_page(&source, heads, state, due).await,
            Err(error) => {
                let state =
                    state.failed_internally(&source.generation, due, unread(&source, &error));
                (Vec::new(), state)
            }
        };
        self.store_state(&source, state, origin, heads).await
    }

    async fn count_page(
        &self,
        source: &Source,
        heads: Vec<OpenHour>,
        state: SourceState,
        due: Time,
    ) -> (Vec<OpenHour>, SourceState) {
        let Upstream::Prometheus { url, headers, preset, metric, labels, fixed, account } =
            &source.spec.0
        else {
            return (heads, state);
        };
        let lineage = source.generation.clone();
        let selection = Selection::new(*preset, metric.as_deref(), labels, fixed);
        let page = prometheus::collect(&self.outbound, (url, headers), &selection, *account).await;
        let Counters { by_series: mut each, warning, in_part, has_gaps } = match page {
            Ok(counters) => counters,
            Err(why) => return (heads, state.failed(&lineage, due, why.to_string())),
        };
        if has_gaps {
            // A sum with fewer samples than before may lack the unreadable ones: skip it until a
            // page is complete.
            for (series, last) in
                heads.iter().filter_map(|head| Some((&head.series, head.counter.as_ref()?)))
            {
                if each.get(series).is_some_and(|sum| sum.samples < last.samples) {
                    each.remove(series);
                }
            }
        }
        let tick = Collection {
            origin: Origin::Source(source.name.clone()),
            due,
            generation: lineage.clone(),
        };
        let (watched, series) = (state.is_continuous(&lineage, due), each.len());
        let (heads, failed) = self.count_all(&tick, heads, each, watched).await;
        if failed > 0 {
            let why = format!("{failed} of {series} series could not be stored");
            return (heads, state.failed_internally(&lineage, due, &why));
        }
        (heads, state.succeeded(&lineage, due, series, warning).with_incomplete(in_part))
    }

    /// Counts the series concurrently. Returns the open hours afterwards and the number of failed
    /// series.
    async fn count_all(
        &self,
        tick: &Collection,
        heads: Vec<OpenHour>,
        counters: BTreeMap<Series, Sum>,
        watched: bool,
    ) -> (Vec<OpenHour>, usize) {
        let mut heads: BTreeMap<Series, OpenHour> =
            heads.into_iter().map(|head| (head.series.clone(), head)).collect();
        let known: Vec<_> = counters
            .into_iter()
            .map(|(series, sum)| (heads.remove(&series), series, sum))
            .collect();
        let counts = known
            .into_iter()
            .map(|(head, series, sum)| self.count(tick, head, series, sum, watched));
        let counts: Vec<_> = counts.collect();
        let counted: Vec<_> =
            stream::iter(counts).buffer_unordered(count::MAX_CONCURRENT_WRITES).collect().await;
        let mut failed = 0;
        let mut after: Vec<OpenHour> = heads.into_values().collect();
        for head in counted {
            match head {
                Ok(head) => after.push(head),
                Err(error) => {
                    if failed == 0 {
                        tracing::error!(
                            source = %tick.origin, cause = %error,
                            "counting usage failed"
                        );
                    }
                    failed += 1;
                }
            }
        }
        (after, failed)
    }
}

/// The error stored for a source whose open hours can't be read.
pub(super) fn unread(source: &Source, error: &Error) -> &'static str {
    tracing::error!(source = %source.name, cause = %error, "reading usage failed");
    "the gateway could not read the source's counters"
}
