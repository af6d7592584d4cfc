//! What Tollgate's own API let through, by the readings of its processes.
//!
//! A reading may land after its minute was looked at: its process was frozen while it was on its way. So every run looks at the last minutes
//! again, and a series' minute is counted up to what its readings come to, which they may do several times and nothing twice. What all
//! series are counted up to is kept, for the run that makes up for others.

use std::{collections::BTreeMap, time::Duration};

use futures::{StreamExt, TryStreamExt, stream};
use shared::{
    aws::Error,
    time::Time,
    usage::{Head, MINUTE, Origin, Reading, Series},
};

use super::{PATIENCE, count};
use crate::Checker;

/// How far back an outage of the check is made up for.
const BACK: Duration = Duration::from_secs(3 * 3600);
/// How many minutes are read at once.
const AT_ONCE: usize = 8;

/// What the minutes of each series come to, oldest first.
type Sums = BTreeMap<Series, Vec<(Time, u64)>>;

impl Checker {
    /// Counts what went through in the minutes before `due`; the heads as they are then. None where that isn't metered.
    pub(crate) async fn collect_own(&self, due: Time) -> Result<Option<Vec<Head>>, Error> {
        let Some(readings) = &self.readings else { return Ok(None) };
        let due = super::minute(due, self.clock.now());
        let collecting = Box::pin(async {
            let (collected, heads) =
                tokio::try_join!(readings.collected_until(), self.usage.heads_of(&Origin::Own))?;
            let minutes =
                minutes(collected, due).map(async |minute| Ok((minute, readings.sums(minute).await?)));
            let minutes: Vec<_> = minutes.collect();
            let read: Vec<_> = stream::iter(minutes).buffered(AT_ONCE).try_collect().await?;
            let heads = self.count_own(heads, by_series(read)).await?;
            readings.put_collected_until(due).await?;
            Ok(Some(heads))
        });
        tokio::time::timeout(PATIENCE, collecting).await.unwrap_or_else(|_| {
            Err(Error::Unavailable(format!("readings were not collected within {} s", PATIENCE.as_secs())))
        })
    }

    /// Counts each series, some side by side: also those after one that fails.
    async fn count_own(&self, heads: Vec<Head>, sums: Sums) -> Result<Vec<Head>, Error> {
        let mut heads: BTreeMap<Series, Head> =
            heads.into_iter().map(|head| (head.series.clone(), head)).collect();
        let known: Vec<_> =
            sums.into_iter().map(|(series, sums)| (heads.remove(&series), series, sums)).collect();
        let counts = known.into_iter().map(async |(head, series, sums)| {
            let _permit = self.writes.acquire().await;
            let before = head.as_ref().map_or(0, |head| head.total);
            let after = self.usage.count_sums(&series, &Origin::Own, head, &sums).await?;
            if let Some(after) = &after {
                self.tell_usage(&series, before, after);
            }
            Ok::<_, Error>(after)
        });
        let counts: Vec<_> = counts.collect();
        let counted: Vec<_> = stream::iter(counts).buffer_unordered(count::AT_ONCE).collect().await;
        let counted: Vec<Option<Head>> = counted.into_iter().collect::<Result<_, _>>()?;
        Ok(heads.into_values().chain(counted.into_iter().flatten()).collect())
    }
}

/// The minutes to look at, by their begins: those that are over, and neither counted nor so old that nothing lands in them any more.
fn minutes(collected_until: Option<Time>, due: Time) -> impl Iterator<Item = Time> {
    let settled = collected_until.map_or(due - BACK, |until| until - Reading::LANDED);
    let first = settled.max(due - BACK);
    std::iter::successors(Some(first), |minute| Some(*minute + MINUTE))
        .take_while(move |minute| *minute < due)
}

fn by_series(read: Vec<(Time, BTreeMap<Series, u64>)>) -> Sums {
    let mut sums = Sums::new();
    for (minute, each) in read {
        for (series, bytes) in each {
            sums.entry(series).or_default().push((minute, bytes));
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(nth: i64) -> Time {
        Time::from_seconds(nth * 60)
    }

    #[test]
    fn the_last_minutes_are_looked_at_again_and_an_outage_is_made_up_for() {
        let looked_at = |until: Option<i64>, due| {
            let minutes: Vec<_> = minutes(until.map(minute), minute(due)).collect();
            (minutes[0], *minutes.last().unwrap(), minutes.len())
        };
        assert_eq!(looked_at(Some(999), 1000), (minute(993), minute(999), 7));
        assert_eq!(looked_at(Some(1000), 1000), (minute(994), minute(999), 6), "the same run again");
        assert_eq!(looked_at(Some(900), 1000), (minute(894), minute(999), 106));
        assert_eq!(looked_at(Some(700), 1000), (minute(820), minute(999), 180));
        assert_eq!(looked_at(None, 1000), (minute(820), minute(999), 180));
        assert_eq!(minutes(Some(minute(1007)), minute(1000)).count(), 0);
    }
}
