//! Counting one series.

use shared::{
    aws::{Counted, Error},
    telemetry::Record,
    time::Time,
    usage::{Counter, Head, Hour, MINUTE, Origin, Series},
};

use crate::{Checker, source::prometheus::Sum};

/// How many writes of a run are under way at once.
pub const AT_ONCE: usize = 32;
/// How often a head is tried, which others may have written since it was read.
const TRIES: usize = 4;

/// One collection of one source's page.
#[derive(Clone, Debug)]
pub struct Tick {
    /// At which source.
    pub origin: Origin,
    /// The end of the minute that it is for.
    pub due: Time,
    /// Which definition of the source it is of.
    pub lineage: String,
}

impl Checker {
    /// Counts what a counter grew by; the head as it is then.
    ///
    /// The head has to be one that was read before the page was asked for: as long as it is the one there, the page is younger than what it
    /// says, whatever clocks say. If another run wrote since, nobody can tell whose page is the younger, and an older value would look like
    /// a counter that began anew: then nothing is counted, and the next minute's run finds what it grew by.
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
                found.ok_or_else(|| Error::Unavailable("a series was forgotten meanwhile".into()))
            }
        }
    }

    /// Counts what is known of whole minutes of a series at an origin, each given by its begin, the earliest first; the head as it is then.
    ///
    /// `until.due` is up to when the minutes are known. What the head says was counted before isn't counted again, neither after `head` nor
    /// after what others wrote since. Where nothing is left to count, nothing is written.
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
        Err(Error::Unavailable("others are at the same series".into()))
    }

    /// Tells by how much a series grew from its total before.
    pub(super) fn tell_usage(&self, series: &Series, before: u64, after: &Head) {
        let bytes = after.total.saturating_sub(before);
        self.metrics.emit(&Record::of_usage(series, bytes), self.clock.now());
    }

    /// Adds minutes to a head, or to a new one; what became of it, or the head that somebody else made of it meanwhile.
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
