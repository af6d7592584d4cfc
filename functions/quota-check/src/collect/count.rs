//! Counting one series.

use shared::{
    aws::{Counted, Error},
    time::Time,
    usage::{Counter, Head, Hour, MINUTE, Origin, Series},
};

use crate::Checker;

/// How many writes of a run are under way at once.
pub const AT_ONCE: usize = 32;
/// How often a head is tried, which others may have written since it was read.
const TRIES: usize = 4;

/// One collection of one source.
#[derive(Clone, Debug)]
pub struct Tick {
    /// At which source.
    pub origin: Origin,
    /// When it was asked.
    pub asked_at: Time,
    /// When its answer was there.
    pub at: Time,
    /// The end of the minute that it is for.
    pub due: Time,
    /// What the source is defined as.
    pub lineage: String,
}

impl Checker {
    /// Counts what a counter grew by; the head as it is then.
    pub(super) async fn count(
        &self,
        tick: &Tick,
        head: Option<Head>,
        series: Series,
        value: u64,
        watched: bool,
    ) -> Result<Head, Error> {
        let counter = Counter { value, at: tick.at, due: tick.due, lineage: tick.lineage.clone() };
        let minute = tick.due - MINUTE;
        self.advance(&tick.origin, head, series, tick.asked_at, counter, |last, counter| {
            counter.increase(last, watched).map(|bytes| (minute, bytes)).into_iter().collect()
        })
        .await
    }

    /// Counts minutes of a source's only series; all heads as they are then. Where there is nothing to count there is nothing to write.
    pub(super) async fn count_minutes(
        &self,
        origin: &Origin,
        series: Option<Series>,
        mut heads: Vec<Head>,
        counted: &[(Time, u64)],
        counter: Counter,
        asked_at: Time,
    ) -> Result<Vec<Head>, Error> {
        let Some(series) = series.filter(|_| !counted.is_empty()) else { return Ok(heads) };
        let own = heads.iter().position(|head| head.series == series).map(|nth| heads.swap_remove(nth));
        let head = self.advance(origin, own, series, asked_at, counter, |_, _| counted.to_vec()).await?;
        heads.push(head);
        Ok(heads)
    }

    async fn advance(
        &self,
        origin: &Origin,
        mut head: Option<Head>,
        series: Series,
        asked_at: Time,
        counter: Counter,
        counted: impl Fn(Option<&Counter>, &Counter) -> Vec<(Time, u64)>,
    ) -> Result<Head, Error> {
        for _ in 0..TRIES {
            let last = head.as_ref().and_then(|head| head.counter.as_ref());
            if let Some(done) = head.as_ref().filter(|_| !counter.follows(last, asked_at)) {
                return Ok(done.clone());
            }
            let minutes = counted(last, &counter);
            let first = minutes.first().map_or(counter.due - MINUTE, |(time, _)| *time);
            let before = head.clone();
            let base = head.unwrap_or_else(|| Head::new(series.clone(), origin.clone(), Hour::of(first)));
            let advance = base.advance(&minutes, Some(counter.clone()));
            let _permit = self.writes.acquire().await;
            match self.usage.count(before.as_ref(), &advance).await? {
                Counted::Yes => return Ok(advance.head),
                Counted::Not(found) => head = found.map(|found| *found),
            }
        }
        Err(Error::Unavailable("others are at the same series".into()))
    }
}
