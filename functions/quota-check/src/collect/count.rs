//! Counts the increase of one series.

use model::{
    time::Time,
    usage::{Counter, Hour, MINUTE, OpenHour, Origin, Series},
};
use runtime::telemetry::Record;
use store::{CountResult, Error};

use super::context::Collector;
use crate::source::prometheus::Sum;

/// Attempts at the conditional write, which concurrent runs can fail.
const MAX_TRIES: usize = 4;

/// One collection of a source's page.
#[derive(Clone, Debug)]
pub struct Collection {
    pub origin: Origin,
    /// End of the minute to collect.
    pub due: Time,
    /// Generation of the source's definition.
    pub generation: String,
    /// Whether a series first seen now is new: the previous collection was recent and complete.
    pub is_continuous: bool,
}

/// Result of advancing an open hour.
#[derive(Debug)]
enum Advanced {
    Written(OpenHour),
    /// Another run changed the open hour; holds the current one.
    Conflict(Option<OpenHour>),
}

/// Counts the increase of a counter and returns the new open hour.
///
/// `open_hour` must have been read before the page was requested. While it is unchanged in the
/// table, the page is newer than the last count, regardless of clocks. If another run wrote it
/// since, the order of the two pages is unknown, and an older value would look like a counter
/// reset. In that case nothing is counted; the next minute's run counts the increase.
pub async fn count(
    collector: &Collector,
    collection: &Collection,
    open_hour: Option<OpenHour>,
    series: Series,
    Sum { value, samples }: Sum,
) -> Result<OpenHour, Error> {
    let Collection { origin, due, generation, is_continuous } = collection;
    let counter = Counter { value, samples, due: *due, generation: generation.clone() };
    let last = open_hour.as_ref().and_then(|hour| hour.counter.as_ref());
    if let Some(current) = open_hour.as_ref().filter(|_| !counter.is_newer_than(last)) {
        return Ok(current.clone());
    }
    let increase = counter.increase(last, *is_continuous).map(|bytes| (*due - MINUTE, bytes));
    match advance(collector, origin, &series, open_hour, increase.as_slice(), counter).await? {
        Advanced::Written(open_hour) | Advanced::Conflict(Some(open_hour)) => Ok(open_hour),
        Advanced::Conflict(None) => {
            Err(Error::Unavailable("the series was deleted concurrently".into()))
        }
    }
}

/// Counts the values of whole minutes of a series, each given by its start, in ascending order.
/// Returns the new open hour.
///
/// The values are complete up to `until.due`. Minutes that `open_hour`, or a concurrent write,
/// already counted are skipped. If none are left, nothing is written.
pub async fn count_minutes(
    collector: &Collector,
    origin: &Origin,
    series: &Series,
    mut open_hour: Option<OpenHour>,
    minutes: &[(Time, u64)],
    until: &Counter,
) -> Result<Option<OpenHour>, Error> {
    for _ in 0..MAX_TRIES {
        let last = open_hour.as_ref().and_then(|hour| hour.counter.as_ref());
        let first = minutes.partition_point(|(time, _)| last.is_some_and(|last| *time < last.due));
        if first == minutes.len() || !until.is_newer_than(last) {
            return Ok(open_hour);
        }
        let minutes = &minutes[first..];
        match advance(collector, origin, series, open_hour, minutes, until.clone()).await? {
            Advanced::Written(open_hour) => return Ok(Some(open_hour)),
            Advanced::Conflict(current) => open_hour = current,
        }
    }
    Err(Error::Unavailable("concurrent writes to the same series".into()))
}

/// Adds minutes to an open hour or a new one.
async fn advance(
    collector: &Collector,
    origin: &Origin,
    series: &Series,
    before: Option<OpenHour>,
    minutes: &[(Time, u64)],
    counter: Counter,
) -> Result<Advanced, Error> {
    let first = minutes.first().map_or(counter.due - MINUTE, |(time, _)| *time);
    let new = || OpenHour::new(series.clone(), origin.clone(), Hour::of(first));
    let advance = before.clone().unwrap_or_else(new).advance(minutes, Some(counter));
    let _permit = collector.writes.acquire().await;
    match collector.usage.count(before.as_ref(), &advance).await? {
        CountResult::Written => {
            let total_before = before.map_or(0, |before| before.total);
            let bytes = advance.head.total.saturating_sub(total_before);
            collector.metrics.emit(&Record::of_usage(series, bytes), collector.clock.now());
            Ok(Advanced::Written(advance.head))
        }
        CountResult::Conflict(current) => Ok(Advanced::Conflict(current.map(|current| *current))),
    }
}
