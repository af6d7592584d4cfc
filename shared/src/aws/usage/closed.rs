//! Hours of a head that are over, kept with their days.

use std::{collections::BTreeMap, time::Duration};

use super::{
    UsageStore, head,
    transaction::{Expression, Transaction},
};
use crate::{
    aws::{
        Error,
        key::Key,
        table::{number, seconds},
    },
    time::Time,
    usage::{Advance, Day, Hour, minute_of},
};

/// How long a closed hour is kept: longer than the longest look-back, and than any period of a quota.
const HOURS_KEPT: Duration = Duration::from_secs(35 * 86400);

impl UsageStore {
    /// Keeps hours that are over, and adds what is late to those that were: all of a day in one write, since a transaction takes one for each
    /// item. What is late of an hour in which nothing was counted counts after the total `before`.
    pub(super) fn add_closed(
        &self,
        transaction: &mut Transaction<'_>,
        advance: &Advance,
        late: &[(Time, u64)],
        before: u64,
    ) -> Result<(), Error> {
        let (series, origin) = (&advance.head.series, &advance.head.origin);
        let mut days: BTreeMap<Day, Vec<(Hour, u64)>> = BTreeMap::new();
        for closed in &advance.closed {
            let item = head::write_closed(closed, gone(closed.hour));
            transaction.put(&Key::closed_hour(series, origin, closed.hour), item, None)?;
            let sum = closed.minutes.sum().unwrap_or_default();
            days.entry(closed.hour.day()).or_default().push((closed.hour, sum));
        }
        let mut hours: BTreeMap<Hour, BTreeMap<usize, u64>> = BTreeMap::new();
        for (time, bytes) in late {
            let minute =
                hours.entry(Hour::of(*time)).or_default().entry(minute_of(*time)).or_default();
            *minute = minute.saturating_add(*bytes);
        }
        for (hour, minutes) in hours {
            let mut change = Expression::new(
                "SET counted_before = if_not_exists(counted_before, :before), expires_at = :gone",
            )
            .with(":before", number(before))
            .with(":gone", gone(hour));
            change.add(minutes.iter().map(|(nth, bytes)| (head::minute(*nth), *bytes)));
            transaction.update(&Key::closed_hour(series, origin, hour), change, None)?;
            let sum = minutes.values().fold(0u64, |sum, bytes| sum.saturating_add(*bytes));
            days.entry(hour.day()).or_default().push((hour, sum));
        }
        for (day, hours) in days {
            let mut change = Expression::new("SET expires_at = :gone")
                .with(":gone", head::day_gone(day.first()));
            // An hour that is over now has nothing yet, so that adding is as good as setting.
            change.add(hours.into_iter().map(|(hour, bytes)| (head::hour_of_day(hour), bytes)));
            transaction.update(&Key::day(series, origin, day), change, None)?;
        }
        Ok(())
    }
}

/// When an hour is forgotten.
fn gone(hour: Hour) -> aws_sdk_dynamodb::types::AttributeValue {
    seconds(hour.start() + HOURS_KEPT)
}
