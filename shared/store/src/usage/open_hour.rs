//! Item format of open hours, closed hours and days. `hour`, `total`, `last` and `at` are reserved
//! words in DynamoDB, so the attributes have other names.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    Error,
    key::Key,
    table::{Item, millis, number, seconds, text},
};
use model::{
    time::Time,
    usage::{ClosedHour, Counter, Day, Hour, Minutes, OpenHour},
};

const NOUN: &str = "usage";

/// Retention of days, and of open hours without further writes and their directory entries.
pub(super) const DAYS_KEPT: Duration = Duration::from_secs(400 * 86400);

/// TTL of the day that contains `hour`.
pub(super) fn day_ttl(hour: Hour) -> AttributeValue {
    seconds(hour.day().start() + DAYS_KEPT)
}

/// A directory entry without its key, which holds all the data.
pub(super) fn write_entry(head: &OpenHour) -> Item {
    Item::from([("expires_at".to_owned(), day_ttl(head.hour))])
}

/// An open hour as an item without its key.
pub(super) fn write(head: &OpenHour) -> Item {
    let mut item = write_minutes(&head.minutes);
    item.insert("expires_at".to_owned(), day_ttl(head.hour));
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set("counted", number(head.total));
    set("in_hour", text(head.hour.to_string()));
    set("version", number(head.version));
    if let Some(counter) = &head.counter {
        set("seen", number(counter.value));
        set("seen_for", millis(counter.due));
        if counter.samples != 1 {
            set("seen_in", number(counter.samples));
        }
        set("lineage", text(counter.generation.clone()));
    }
    item
}

/// Parses an open hour.
pub(super) fn read(item: Item) -> Result<OpenHour, Error> {
    let corrupt = |what: &str| Error::Corrupt(NOUN, format!("invalid {what}"));
    let (pk, sk) = key(&item);
    let counter = match read_number(&item, "seen") {
        None => None,
        Some(value) => Some(Counter {
            value,
            samples: read_number(&item, "seen_in").and_then(|n| n.try_into().ok()).unwrap_or(1),
            due: read_time(&item, "seen_for").ok_or_else(|| corrupt("minute"))?,
            generation: read_text(&item, "lineage").unwrap_or_default().to_owned(),
        }),
    };
    let hour = read_text(&item, "in_hour").and_then(|hour| hour.parse().ok());
    Ok(OpenHour {
        series: Key::parse_series(sk).ok_or_else(|| corrupt("key"))?,
        origin: Key::parse_origin(pk).ok_or_else(|| corrupt("partition"))?,
        total: read_number(&item, "counted").ok_or_else(|| corrupt("total"))?,
        hour: hour.ok_or_else(|| corrupt("hour"))?,
        minutes: read_minutes(&item),
        counter,
        version: read_number(&item, "version").unwrap_or_default(),
    })
}

/// A closed hour as an item without its key.
pub(super) fn write_closed(closed: &ClosedHour, gone: AttributeValue) -> Item {
    let mut item = write_minutes(&closed.minutes);
    item.insert("counted_before".to_owned(), number(closed.before));
    item.insert("expires_at".to_owned(), gone);
    item
}

/// Parses a closed hour.
pub(super) fn read_closed(item: Item) -> Result<ClosedHour, Error> {
    let (_, sk) = key(&item);
    let hour = sk.rsplit('#').next().and_then(|hour| hour.parse().ok());
    Ok(ClosedHour {
        hour: hour.ok_or_else(|| Error::Corrupt(NOUN, "invalid hour key".into()))?,
        before: read_number(&item, "counted_before").unwrap_or_default(),
        minutes: read_minutes(&item),
    })
}

/// Parses a day into its closed hours and their bytes.
pub(super) fn read_day(item: Item) -> Result<Vec<(Hour, u64)>, Error> {
    let (_, sk) = key(&item);
    let day: Option<Day> = sk.rsplit('#').next().and_then(|day| day.parse().ok());
    let day = day.ok_or_else(|| Error::Corrupt(NOUN, "invalid day key".into()))?;
    let hours = std::iter::successors(Some(day.first()), |hour| Some(hour.next())).take(24);
    Ok(hours.filter_map(|hour| Some((hour, read_number(&item, &hour_of_day(hour))?))).collect())
}

/// Attribute name of a minute.
pub(super) fn minute(nth: usize) -> String {
    format!("m{nth:02}")
}

/// Attribute name of an hour in its day.
pub(super) fn hour_of_day(hour: Hour) -> String {
    format!("h{:02}", hour.of_day())
}

fn write_minutes(minutes: &Minutes) -> Item {
    let reported = minutes.0.iter().enumerate().filter_map(|(nth, bytes)| Some((nth, (*bytes)?)));
    reported.map(|(nth, bytes)| (minute(nth), number(bytes))).collect()
}

fn read_minutes(item: &Item) -> Minutes {
    let mut minutes = Minutes::default();
    for (name, value) in item {
        let nth = name.strip_prefix('m').and_then(|nth| nth.parse::<usize>().ok());
        if let Some(minute) = nth.and_then(|nth| minutes.0.get_mut(nth)) {
            *minute = amount(value);
        }
    }
    minutes
}

fn key(item: &Item) -> (&str, &str) {
    (read_text(item, "pk").unwrap_or_default(), read_text(item, "sk").unwrap_or_default())
}

pub(super) fn read_number(item: &Item, name: &str) -> Option<u64> {
    amount(item.get(name)?)
}

/// Saturates at `u64::MAX`: concurrent additions may exceed it.
fn amount(value: &AttributeValue) -> Option<u64> {
    let amount: u128 = value.as_n().ok()?.parse().ok()?;
    Some(u64::try_from(amount).unwrap_or(u64::MAX))
}

fn read_time(item: &Item, name: &str) -> Option<Time> {
    item.get(name)?.as_n().ok()?.parse().ok().map(Time::from_millis)
}

fn read_text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}
