mod closed;
mod count;
mod open_hour;
mod push;
mod read;
mod transaction;

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, future::try_join_all, stream};

use super::{
    Error, Table,
    key::{Key, SOURCE_STATES},
    table::text,
};
use model::{
    time::Time,
    usage::{ClosedHour, Hour, OpenHour, Origin, Series, minute_of},
};

pub use count::CountResult;
pub use push::PushResult;
pub use read::SeriesOrigins;

/// Partitions read in parallel.
const PARALLEL_READS: usize = 8;

/// Usage in bytes per series, origin and time.
///
/// Each series has an [`OpenHour`] per origin. The open hours of an origin share one or a few
/// partitions. A run therefore reads them with one query each, and writes one unit per reported
/// series.
///
/// Closed hours and days are items in the series' own partition, kept for 35 and 400 days. An open
/// hour without further writes is also kept for 400 days.
#[derive(Clone, Debug)]
pub struct UsageStore {
    table: Table,
}

impl UsageStore {
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Returns all open hours: of every source that exists or was deleted within the last 35 days,
    /// and of pushed usage. One query per origin partition, or several if it exceeds 1 MB, about
    /// 1,400 series.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn open_hours(&self) -> Result<Vec<OpenHour>, Error> {
        self.open_hours_except(&BTreeSet::new()).await
    }

    /// Like [`open_hours`](Self::open_hours), without the origins that the caller has already
    /// collected.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn open_hours_except(
        &self,
        known: &BTreeSet<Origin>,
    ) -> Result<Vec<OpenHour>, Error> {
        let states = self.table.partition(SOURCE_STATES, None).await?;
        let names = states.iter().filter_map(|state| state.get("sk")?.as_s().ok()?.parse().ok());
        let origins = names
            .map(Origin::Source)
            .chain([Origin::Pushed])
            .filter(|origin| !known.contains(origin));
        let origins: Vec<_> = origins.collect();
        let read: Vec<_> = origins.iter().map(|origin| self.open_hours_at(origin)).collect();
        let heads: Vec<Vec<OpenHour>> =
            stream::iter(read).buffer_unordered(PARALLEL_READS).try_collect().await?;
        Ok(heads.into_iter().flatten().collect())
    }

    /// Returns all open hours at one origin.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn open_hours_at(&self, origin: &Origin) -> Result<Vec<OpenHour>, Error> {
        let partitions = Key::open_hours(origin);
        let read = partitions.iter().map(|partition| self.table.partition(partition, None));
        let items: Vec<Vec<_>> = try_join_all(read).await?;
        items.into_iter().flatten().map(open_hour::read).collect()
    }

    /// Returns the total of a series at its origin as of `time`. The usage since then is the open
    /// hour's total minus this value. No call if `time` is in the open hour or later, else one
    /// query for one item.
    ///
    /// Exact for times up to 35 days back. Late reports count in the hour to which they belong.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn total_before(&self, head: &OpenHour, time: Time) -> Result<u64, Error> {
        if let Some(total) = head.total_at(time) {
            return Ok(total);
        }
        let hour = Hour::of(time);
        let Some(closed) = self.first_closed(&head.series, &head.origin, hour, head.hour).await?
        else {
            return Ok(head.total_at_start());
        };
        let since =
            if closed.hour == hour { closed.minutes.sum_before(minute_of(time)) } else { 0 };
        Ok(closed.before.saturating_add(since))
    }

    /// Returns the first closed hour in the range.
    async fn first_closed(
        &self,
        series: &Series,
        origin: &Origin,
        from: Hour,
        end: Hour,
    ) -> Result<Option<ClosedHour>, Error> {
        let (from, end) =
            (Key::closed_hour(series, origin, from), Key::closed_hour(series, origin, end));
        let call = self.table.client.query().table_name(&self.table.name);
        let answer = call
            .key_condition_expression("pk = :series AND sk BETWEEN :from AND :end")
            .expression_attribute_values(":series", text(from.pk))
            .expression_attribute_values(":from", text(from.sk))
            .expression_attribute_values(":end", text(end.sk))
            .limit(1)
            .send()
            .await
            .map_err(|e| Error::of("Query", &e))?;
        answer.items.unwrap_or_default().pop().map(open_hour::read_closed).transpose()
    }
}
