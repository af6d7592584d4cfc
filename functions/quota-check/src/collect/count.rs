//! Counts the increase of one series.

use model::{
    time::Time,
    usage::{Counter, Hour, MINUTE, OpenHour, Origin, Series},
};
use runtime::telemetry::Record;
use store::{CountResult, Error};

use crate::{Checker, source::prometheus::Sum};

/// Number of concurrent writes of a run.
pub const MAX_CONCURRENT_WRITES: usize = 32;
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
}

impl Checker {
    /// Counts the increase of a counter and returns the new open hour.
    ///
    /// `head` must have been read before the page was requested. While it is unchanged in the
    /// table, the page is newer than the last count, regardless of clocks. If another run wrote it
    /// since, the order of the two pages is unknown, and an older value would look like a counter
    /// reset. In that case nothing is counted; the next minute's run counts the increase.
    pub(super) async fn count(
        &self,
        tick: &Collection,
        head: Option<OpenHour>,
        series: Series,
        Sum { value, samples }: Sum,
        watched: bool,
    ) -> Result<OpenHour, Error> {
        let counter =
            Counter { value, samples, due: tick.due, generation: tick.generation.clone() };
        let last = head.as_ref().and_then(|head| head.counter.as_ref());
        if let Some(done) = head.as_ref().filter(|_| !counter.is_newer_than(last)) {
            return Ok(done.clone());
        }
        let grown = counter.increase(last, watched).map(|bytes| (tick.due - MINUTE, bytes));
        match self.advance(&tick.origin, &series, head, grown.as_slice(), counter).await? {
            Ok(head) => Ok(head),
            Err(found) => found
                .ok_or_else(|| Error::Unavailable("the series was deleted concurrently".into())),
        }
    }

    /// Counts the values of whole minutes of a series, each given by its start, in ascending order.
    /// Returns the new open hour.
    ///
    /// The values are complete up to `until.due`. Minutes that `head`, or a concurrent write,
    /// already counted are skipped. If none are left, nothing is written.
    pub(crate) async fn count_minutes(
        &self,
        origin: &Origin,
        series: &Series,
        mut head: Option<OpenHour>,
        minutes: &[(Time, u64)],
        until: &Counter,
    ) -> Result<Option<OpenHour>, Error> {
        for _ in 0..MAX_TRIES {
            let last = head.as_ref().and_then(|head| head.counter.as_ref());
            let first =
                minutes.partition_point(|(time, _)| last.is_some_and(|last| *time < last.due));
            if first == minutes.len() || !until.is_newer_than(last) {
                return Ok(head);
            }
            match self.advance(origin, series, head, &minutes[first..], until.clone()).await? {
                Ok(head) => return Ok(Some(head)),
                Err(found) => head = found,
            }
        }
        Err(Error::Unavailable("concurrent writes to the same series".into()))
    }

    /// Records the series' increase since the total `before`.
    pub(super) fn record_usage(&self, series: &Series, before: u64, after: &OpenHour) {
        let bytes = after.total.saturating_sub(before);
        self.metrics.emit(&Record::of_usage(series, bytes), self.clock.now());
    }

    /// Adds minutes to an open hour or a new one. Returns the result, or the current open hour if
    /// another run changed it.
    async fn advance(
        &self,
        origin: &Origin,
        series: &Series,
        before: Option<OpenHour>,
        minutes: &[(Time, u64)],
        counter: Counter,
    ) -> Result<Result<OpenHour, Option<OpenHour>>, Error> {
        let first = minutes.first().map_or(counter.due - MINUTE, |(time, _)| *time);
        let new = || OpenHour::new(series.clone(), origin.clone(), Hour::of(first));
        let advance = before.clone().unwrap_or_else(new).advance(minutes, Some(counter));
        let _permit = self.writes.acquire().await;
        Ok(match self.usage.count(before.as_ref(), &advance).await? {
            CountResult::Written => {
                self.record_usage(series, before.map_or(0, |before| before.total), &advance.head);
                Ok(advance.head)
            }
            CountResult::Conflict(found) => Err(found.map(|found| *found)),
        })
    }
}
