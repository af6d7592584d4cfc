//! Counts the increase of one series.

use shared::{
    aws::{Counted, Error},
    telemetry::Record,
    time::Time,
    usage::{Counter, Head, Hour, MINUTE, Origin, Series},
};

use crate::{Checker, source::prometheus::Sum};

/// Number of concurrent writes of a run.
pub const AT_ONCE: usize = 32;
/// Attempts at the conditional write, which concurrent runs can fail.
const TRIES: usize = 4;

/// One collection of a source's page.
#[derive(Clone, Debug)]
pub struct Tick {
    pub origin: Origin,
    /// End of the minute to collect.
    pub due: Time,
    /// Generation of the source's definition.
    pub lineage: String,
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
        tick: &Tick,
        head: Option<Head>,
        series: Series,
        Sum { value, samples }: Sum,
        watched: bool,
    ) -> Result<Head, Error> {
        let counter = Counter { value, samples, due: tick.due, lineage: tick.lineage.clone() };
        let last = head.as_ref().and_then(|head| head.counter.as_ref());
        if let Some(done) = head.as_ref().filter(|_| !counter.follows(last)) {
            return Ok(done.clone());
        }
        let grown = counter.increase(last, watched).map(|bytes| (tick.due - MINUTE, bytes));
        match self.advance(&tick.origin, &series, head, grown.as_slice(), counter).await? {
            Ok(head) => Ok(head),
            Err(found) => {
                found.ok_or_else(|| Error::Unavailable("the series was deleted concurrently".into()))
            }
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
        mut head: Option<Head>,
        minutes: &[(Time, u64)],
        until: &Counter,
    ) -> Result<Option<Head>, Error> {
        for _ in 0..TRIES {
            let last = head.as_ref().and_then(|head| head.counter.as_ref());
            let first =
                minutes.partition_point(|(time, _)| last.is_some_and(|last| *time < last.due));
            if first == minutes.len() || !until.follows(last) {
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
    pub(super) fn tell_usage(&self, series: &Series, before: u64, after: &Head) {
        let bytes = after.total.saturating_sub(before);
        self.metrics.emit(&Record::of_usage(series, bytes), self.clock.now());
    }

    /// Adds minutes to an open hour or a new one. Returns the result, or the current open hour if
    /// another run changed it.
    async fn advance(
        &self,
        origin: &Origin,
        series: &Series,
        before: Option<Head>,
        minutes: &[(Time, u64)],
        counter: Counter,
    ) -> Result<Result<Head, Option<Head>>, Error> {
        let first = minutes.first().map_or(counter.due - MINUTE, |(time, _)| *time);
        let new = || Head::new(series.clone(), origin.clone(), Hour::of(first));
        let advance = before.clone().unwrap_or_else(new).advance(minutes, Some(counter));
        let _permit = self.writes.acquire().await;
        Ok(match self.usage.count(before.as_ref(), &advance).await? {
            Counted::Yes => {
                self.tell_usage(series, before.map_or(0, |before| before.total), &advance.head);
                Ok(advance.head)
            }
            Counted::Not(found) => Err(found.map(|found| *found)),
        })
    }
}
