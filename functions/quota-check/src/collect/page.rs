//! Collects Prometheus pages.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use model::{
    time::Time,
    usage::{OpenHour, Origin, Selection, Series, Source, SourceState, Upstream},
};

use super::{
    context::{Collector, MAX_CONCURRENT_WRITES, SourceUsage, read_failed, store_state},
    count::{Collection, count},
};
use crate::source::prometheus::{self, Counters, Sum};

/// Fetches a source's page and counts its increases. The open hours are read before the page is
/// requested, so that the page is newer than they are.
pub async fn collect_page(
    collector: &Collector,
    source: Source,
    state: SourceState,
    due: Time,
) -> SourceUsage {
    let origin = Origin::Source(source.name.clone());
    let (open_hours, state) = match collector.usage.open_hours_at(&origin).await {
        Ok(open_hours) => count_page(collector, &source, open_hours, state, due).await,
        Err(error) => {
            let message = read_failed(&source, &error);
            (Vec::new(), state.failed_internally(&source.generation, due, message))
        }
    };
    store_state(collector, &source, state, open_hours).await
}

async fn count_page(
    collector: &Collector,
    source: &Source,
    open_hours: Vec<OpenHour>,
    state: SourceState,
    due: Time,
) -> (Vec<OpenHour>, SourceState) {
    let Upstream::Prometheus { url, headers, preset, metric, labels, fixed, account } =
        &source.spec.0
    else {
        return (open_hours, state);
    };
    let generation = &source.generation;
    let selection = Selection::new(*preset, metric.as_deref(), labels, fixed);
    let page = prometheus::collect(&collector.outbound, (url, headers), &selection, *account).await;
    let Counters { mut by_series, warning, in_part, has_gaps } = match page {
        Ok(counters) => counters,
        Err(error) => return (open_hours, state.failed(generation, due, error.to_string())),
    };
    if has_gaps {
        remove_incomplete(&mut by_series, &open_hours);
    }
    let collection = Collection {
        origin: Origin::Source(source.name.clone()),
        due,
        generation: generation.clone(),
        is_continuous: state.is_continuous(generation, due),
    };
    let series = by_series.len();
    let (open_hours, failed) = count_all(collector, &collection, open_hours, by_series).await;
    if failed > 0 {
        let message = format!("{failed} of {series} series could not be stored");
        return (open_hours, state.failed_internally(generation, due, &message));
    }
    (open_hours, state.succeeded(generation, due, series, warning).with_incomplete(in_part))
}

/// Removes sums with fewer samples than before, since they may lack the unreadable ones. They are
/// counted when a page is complete.
fn remove_incomplete(sums: &mut BTreeMap<Series, Sum>, open_hours: &[OpenHour]) {
    for hour in open_hours {
        let Some(last) = &hour.counter else { continue };
        if sums.get(&hour.series).is_some_and(|sum| sum.samples < last.samples) {
            sums.remove(&hour.series);
        }
    }
}

/// Counts the series concurrently. Returns the open hours afterwards and the number of failed
/// series.
async fn count_all(
    collector: &Collector,
    collection: &Collection,
    open_hours: Vec<OpenHour>,
    sums: BTreeMap<Series, Sum>,
) -> (Vec<OpenHour>, usize) {
    let mut before: BTreeMap<Series, OpenHour> =
        open_hours.into_iter().map(|hour| (hour.series.clone(), hour)).collect();
    let counts = sums
        .into_iter()
        .map(|(series, sum)| count(collector, collection, before.remove(&series), series, sum));
    let counts: Vec<_> = counts.collect();
    let results: Vec<_> =
        stream::iter(counts).buffer_unordered(MAX_CONCURRENT_WRITES).collect().await;
    let mut after: Vec<OpenHour> = before.into_values().collect();
    let mut failed = 0;
    for result in results {
        match result {
            Ok(open_hour) => after.push(open_hour),
            Err(error) => {
                if failed == 0 {
                    tracing::error!(
                        source = %collection.origin, cause = %error,
                        "counting usage failed"
                    );
                }
                failed += 1;
            }
        }
    }
    (after, failed)
}
