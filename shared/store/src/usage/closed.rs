//! Storage of closed hours and their days.

use std::{collections::BTreeMap, time::Duration};

use super::{
    UsageStore, open_hour,
    transaction::{Expression, Transaction},
};
use crate::{
    Error,
    key::Key,
    table::{number, seconds},
};
use model::{
    time::Time,
    usage::{Day, Hour, HourUpdate, minute_of},
};

/// Retention of closed hours: longer than the longest look-back and than any quota period.
const HOURS_KEPT: Duration = Duration::from_secs(35 * 86400);

impl UsageStore {
    /// Adds writes that store closed hours and add late reports to earlier ones. All changes of a
    /// day are one write, since a transaction allows only one per item. If a late report's hour has
    /// no item yet, it is created with the running total `before`.
    pub(super) fn add_closed(
        &self,
        transaction: &mut Transaction<'_>,
        advance: &HourUpdate,
        late: &[(Time, u64)],
        before: u64,
    ) -> Result<(), Error> {
        let (series, origin) = (&advance.head.series, &advance.head.origin);
        let mut days: BTreeMap<Day, Vec<(Hour, u64)>> = BTreeMap::new();
        for closed in &advance.closed {
            let item = open_hour::write_closed(closed, closed_hour_ttl(closed.hour));
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
            .with(":gone", closed_hour_ttl(hour));
            change.add(minutes.iter().map(|(nth, bytes)| (open_hour::minute(*nth), *bytes)));
            transaction.update(&Key::closed_hour(series, origin, hour), change, None)?;
            let sum = minutes.values().fold(0u64, |sum, bytes| sum.saturating_add(*bytes));
            days.entry(hour.day()).or_default().push((hour, sum));
        }
        for (day, hours) in days {
            let mut change = Expression::new("SET expires_at = :gone")
                .with(":gone", open_hour::day_ttl(day.first()));
            // A newly closed hour has no value in its day yet, so adding is the same as setting.
            change
                .add(hours.into_iter().map(|(hour, bytes)| (open_hour::hour_of_day(hour), bytes)));
            transaction.update(&Key::day(series, origin, day), change, None)?;
        }
        Ok(())
    }
}

/// TTL of a closed hour.
fn closed_hour_ttl(hour: Hour) -> aws_sdk_dynamodb::types::AttributeValue {
    seconds(hour.start() + HOURS_KEPT)
}
