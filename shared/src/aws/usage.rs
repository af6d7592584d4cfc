mod closed;
mod count;
mod head;
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
use crate::{
    time::Time,
    usage::{ClosedHour, Head, Hour, Origin, Series, minute_of},
};

pub use count::Counted;
pub use push::Pushed;
pub use read::Counting;

/// How many partitions are read side by side.
const AT_ONCE: usize = 8;

/// How many bytes went where and when.
///
/// The current hour of a series at an origin is its [`Head`], all of which are a partition for each
/// origin, or some: a run reads them in one query each, and writes one unit for each series that
/// was reported. Closed hours are items of the series' own partition, kept for 35 days, and its
/// days, kept for 400; so is a head that nobody writes any more.
#[derive(Clone, Debug)]
pub struct UsageStore {
    table: Table,
}

impl UsageStore {
    /// The usage of a table.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// All heads, of every source that is or was there in the last 35 days, and of what was pushed: a query for each of those, or several
    /// where one is over a megabyte, which is about 1,400 series.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn heads(&self) -> Result<Vec<Head>, Error> {
        self.heads_beside(&BTreeSet::new()).await
    }

    /// The same, but those at some origins: what whoever collects there knows already.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn heads_beside(&self, known: &BTreeSet<Origin>) -> Result<Vec<Head>, Error> {
        let states = self.table.partition(SOURCE_STATES, None).await?;
        let names = states.iter().filter_map(|state| state.get("sk")?.as_s().ok()?.parse().ok());
        let origins = names
            .map(Origin::Source)
            .chain([Origin::Pushed])
            .filter(|origin| !known.contains(origin));
        let origins: Vec<_> = origins.collect();
        let read: Vec<_> = origins.iter().map(|origin| self.heads_of(origin)).collect();
        let heads: Vec<Vec<Head>> =
            stream::iter(read).buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(heads.into_iter().flatten().collect())
    }

    /// All heads at one origin.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn heads_of(&self, origin: &Origin) -> Result<Vec<Head>, Error> {
        let partitions = Key::heads(origin);
        let read = partitions.iter().map(|partition| self.table.partition(partition, None));
        let items: Vec<Vec<_>> = try_join_all(read).await?;
        items.into_iter().flatten().map(head::read).collect()
    }

    /// The total of a head's series at its origin, as it was at a time; what was counted since is the head's total without it. Without a call
    /// if the time is of the head's hour or later, else one query for one item.
    ///
    /// It is right for times up to 35 days back. What is reported late counts for when it happened, by the hour.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn total_before(&self, head: &Head, time: Time) -> Result<u64, Error> {
        if let Some(total) = head.total_at(time) {
            return Ok(total);
        }
        let hour = Hour::of(time);
        let Some(closed) = self.first_closed(&head.series, &head.origin, hour, head.hour).await?
        else {
            return Ok(head.before());
        };
        let since =
            if closed.hour == hour { closed.minutes.sum_before(minute_of(time)) } else { 0 };
        Ok(closed.before.saturating_add(since))
    }

    /// The first closed hour from one on.
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
        answer.items.unwrap_or_default().pop().map(head::read_closed).transpose()
    }
}
