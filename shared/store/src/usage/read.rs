//! Queries of series for charts.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures::{StreamExt, TryStreamExt, stream};

use super::{UsageStore, open_hour};
use crate::{
    Error,
    key::{Key, SERIES},
    table::{Item, text},
};
use model::{
    id::AccountId,
    time::Time,
    usage::{
        Direction, Filter, Hour, Label, MINUTE, OpenHour, Origin, Points, Series, Step, Windows,
    },
};

/// Series read in parallel.
const PARALLEL_READS: usize = 16;
/// Directory entries per query.
const ENTRIES: i32 = 500;
/// Items per BatchGetItem call.
const ITEMS: usize = 100;
/// These sort before and after any key part.
const FIRST: &str = " ";
const LAST: &str = "\u{10ffff}";

/// A series and the origins that count it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesOrigins {
    pub series: Series,
    pub origins: Vec<Origin>,
}

impl UsageStore {
    /// Returns up to `most` series that match a filter, in directory order after `after`, and the
    /// key to continue after, if there may be more.
    ///
    /// A fully named series costs half a read unit. Otherwise the cost is that of all directory
    /// entries of the account up to the last one returned.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn series(
        &self,
        filter: &Filter,
        after: Option<&str>,
        most: usize,
    ) -> Result<(Vec<SeriesOrigins>, Option<String>), Error> {
        let mut found: Vec<SeriesOrigins> = Vec::new();
        for prefix in prefixes(filter) {
            let begin = if prefix.is_empty() { FIRST } else { &prefix };
            let mut from = after.filter(|after| *after > begin).unwrap_or(begin).to_owned();
            let end = format!("{prefix}{LAST}");
            while from < end {
                let (entries, last) = self.entries(&from, &end).await?;
                for (series, origin) in
                    entries.into_iter().filter(|(series, _)| filter.matches(series))
                {
                    let is_another = found.last().is_none_or(|last| last.series != series);
                    if is_another && found.len() == most {
                        let shown = found.last().map(|last| after_all(&last.series));
                        return Ok((found, shown));
                    } else if is_another {
                        found.push(SeriesOrigins { series, origins: vec![origin] });
                    } else if let Some(last) = found.last_mut() {
                        last.origins.push(origin);
                    }
                }
                let Some(last) = last else { break };
                from = last;
            }
        }
        Ok((found, None))
    }

    /// Returns the usage of each series in the windows, summed over its origins. Reads the open
    /// hours in batches of 100, then queries each series that has closed hours in the windows.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn chart(
        &self,
        wanted: &[SeriesOrigins],
        windows: Windows,
    ) -> Result<Vec<Points>, Error> {
        let pairs = wanted
            .iter()
            .flat_map(|wanted| wanted.origins.iter().map(|origin| (&wanted.series, origin)));
        let pairs: Vec<_> = pairs.collect();
        // Open hours are read first. An hour closed between the two reads appears in both, and its
        // closed item takes precedence.
        let keys: Vec<_> =
            pairs.iter().map(|(series, origin)| Key::open_hour(series, origin)).collect();
        let calls: Vec<_> =
            keys.chunks(ITEMS).map(|some| self.batch_get_open_hours(some, false)).collect();
        let heads: Vec<Vec<OpenHour>> =
            stream::iter(calls).buffered(PARALLEL_READS).try_collect().await?;
        let mut heads: HashMap<_, _> = heads
            .into_iter()
            .flatten()
            .map(|head| ((head.series.clone(), head.origin.clone()), head))
            .collect();
        let heads: Vec<_> = pairs
            .into_iter()
            .map(|(series, origin)| {
                (series, origin, heads.remove(&(series.clone(), origin.clone())))
            })
            .collect();
        let mut each = Vec::new();
        for (series, origin, head) in &heads {
            each.push(self.points(series, origin, head.as_ref(), windows));
        }
        let read: Vec<Points> = stream::iter(each).buffered(PARALLEL_READS).try_collect().await?;
        let mut read = read.into_iter();
        Ok(wanted
            .iter()
            .map(|wanted| {
                let mut sum = Points::new(windows);
                read.by_ref().take(wanted.origins.len()).for_each(|points| sum.merge(&points));
                sum
            })
            .collect())
    }

    /// Usage of a series at one origin.
    async fn points(
        &self,
        series: &Series,
        origin: &Origin,
        head: Option<&OpenHour>,
        windows: Windows,
    ) -> Result<Points, Error> {
        let mut points = Points::new(windows);
        let mut is_closed = false;
        let mut closed = Vec::new();
        if head.is_none_or(|head| windows.start() < head.hour.start()) {
            closed = self.closed(series, origin, windows).await?;
        }
        for (hour, bytes) in closed {
            is_closed |= head.is_some_and(|head| head.hour == hour);
            bytes.into_iter().for_each(|(time, bytes)| points.add(time, bytes));
        }
        if let Some(head) = head.filter(|_| !is_closed) {
            minutes(head.hour, &head.minutes.0).for_each(|(time, bytes)| points.add(time, bytes));
        }
        Ok(points)
    }

    /// Returns the closed hours in the windows with their usage: per minute, or per hour if the
    /// step is an hour or longer.
    async fn closed(
        &self,
        series: &Series,
        origin: &Origin,
        windows: Windows,
    ) -> Result<Vec<(Hour, Vec<(Time, u64)>)>, Error> {
        let (first, last) = (Hour::of(windows.start()), Hour::of(windows.end()));
        let by_day = windows.step() >= Step::Hour;
        let (from, to) = if by_day {
            (Key::day(series, origin, first.day()), Key::day(series, origin, last.day()))
        } else {
            (Key::closed_hour(series, origin, first), Key::closed_hour(series, origin, last))
        };
        let items = self.between(&from, &to).await?;
        let mut closed = Vec::new();
        for item in items {
            if by_day {
                let hours = open_hour::read_day(item)?.into_iter();
                closed.extend(hours.map(|(hour, bytes)| (hour, vec![(hour.start(), bytes)])));
            } else {
                let read = open_hour::read_closed(item)?;
                closed.push((read.hour, minutes(read.hour, &read.minutes.0).collect()));
            }
        }
        Ok(closed)
    }

    async fn between(&self, from: &Key, to: &Key) -> Result<Vec<Item>, Error> {
        let call = self.table.client.query().table_name(&self.table.name);
        let mut items = call
            .key_condition_expression("pk = :series AND sk BETWEEN :from AND :to")
            .expression_attribute_values(":series", text(&from.pk))
            .expression_attribute_values(":from", text(&from.sk))
            .expression_attribute_values(":to", text(&to.sk))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(item) = items.next().await {
            found.push(item.map_err(|e| Error::of("Query", &e))?);
        }
        Ok(found)
    }

    /// Reads up to 100 open hours and skips missing ones.
    pub(super) async fn batch_get_open_hours(
        &self,
        wanted: &[Key],
        consistent: bool,
    ) -> Result<Vec<OpenHour>, Error> {
        let keys = wanted.iter().map(Key::attributes).collect();
        let wanted =
            KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(consistent).build();
        let wanted = wanted.map_err(|e| Error::Refused(e.to_string()))?;
        self.table.batch_get(wanted).await?.into_iter().map(open_hour::read).collect()
    }

    /// Returns the directory entries in a range, and the key to continue after.
    async fn entries(
        &self,
        after: &str,
        end: &str,
    ) -> Result<(Vec<(Series, Origin)>, Option<String>), Error> {
        let call = self.table.client.query().table_name(&self.table.name);
        let answer = call
            .key_condition_expression("pk = :series AND sk BETWEEN :after AND :end")
            .expression_attribute_values(":series", text(SERIES))
            .expression_attribute_values(":after", text(after))
            .expression_attribute_values(":end", text(end))
            .limit(ENTRIES)
            .send()
            .await
            .map_err(|e| Error::of("Query", &e))?;
        let last = answer.last_evaluated_key.as_ref().and_then(|key| key.get("sk")?.as_s().ok());
        // Sorts directly after `last`: no key contains a control character.
        let last = last.map(|last| format!("{last}\u{1}"));
        let keys = answer.items.iter().flatten().filter_map(|item| item.get("sk")?.as_s().ok());
        let read = keys.map(|key| {
            Key::parse_directory_entry(key)
                .ok_or_else(|| Error::Corrupt("usage", "invalid series key".into()))
        });
        Ok((read.collect::<Result<_, _>>()?, last))
    }
}

/// Directory prefixes to query for a filter. A service without a direction needs one prefix per
/// direction.
fn prefixes(filter: &Filter) -> Vec<String> {
    let Filter { account, direction, service, route } = filter;
    let Some(account) = *account else { return vec![String::new()] };
    let directions: &[_] = match direction {
        Some(direction) => &[Some(*direction)],
        None if service.is_some() => &[Some(Direction::Egress), Some(Direction::Ingress)],
        None => &[None],
    };
    let prefix = |direction: &Option<Direction>| {
        prefix(account, *direction, service.as_ref(), route.as_ref())
    };
    directions.iter().map(prefix).collect()
}

fn prefix(
    account: AccountId,
    direction: Option<Direction>,
    service: Option<&Label>,
    route: Option<&Label>,
) -> String {
    Key::series_prefix(Some(account), direction, service, route)
}

/// Sorts after all entries of a series.
fn after_all(series: &Series) -> String {
    let Series { account, direction, service, route } = series;
    Key::series_prefix(*account, Some(*direction), Some(service), Some(route)) + LAST
}

/// The reported minutes of an hour with their start times.
fn minutes(hour: Hour, minutes: &[Option<u64>; 60]) -> impl Iterator<Item = (Time, u64)> {
    let begins = std::iter::successors(Some(hour.start()), |time| Some(*time + MINUTE));
    begins.zip(minutes.iter()).filter_map(|(time, bytes)| Some((time, (*bytes)?)))
}
