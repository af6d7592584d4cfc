//! What processes read off their meters, from when it is written until it is collected.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_dynamodb::{
    config::{Builder, retry::RetryConfig},
    operation::put_item::PutItemError,
    types::ReturnValuesOnConditionCheckFailure,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Error, Table,
    key::Key,
    table::{Item, content, item},
};
use crate::{
    id::AccountId,
    time::Time,
    usage::{
        Direction, Series,
        meter::{Place, Write, own},
    },
};

/// How long readings are kept: for much longer than they are collected, and than a process stays frozen that doesn't know what became of its
/// last one.
const KEPT: Duration = Duration::from_secs(86400);
/// In the place of an account, where there is none.
const NOBODY: &str = "-";

/// The readings of all processes, each an item of the minute in which it was taken.
///
/// A minute is one partition, which takes a thousand write units a second: twenty thousand processes that write a kilobyte every 25 s.
#[derive(Clone, Debug)]
pub struct ReadingStore {
    table: Table,
}

/// What is in a reading's place.
#[derive(Debug, Serialize, Deserialize)]
struct ReadingItem {
    /// By account, then by direction and route, which takes less than whole series would. None: the place is taken by nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<BTreeMap<String, BTreeMap<String, u64>>>,
    /// TTL, in seconds.
    expires_at: i64,
}

/// Up to when minutes are collected.
#[derive(Debug, Serialize, Deserialize)]
struct Collected {
    /// In milliseconds.
    collected_until: i64,
}

impl ReadingStore {
    /// The readings of a table.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Writes a reading of a process, or takes its place; what is there, which the first write of a place decides. A write unit for each
    /// kilobyte.
    ///
    /// It is one call, which the SDK must not repeat: a process that was frozen would write to a minute that is long collected.
    ///
    /// # Errors
    /// When the table can't be written, or doesn't say whether it was.
    pub async fn write(&self, process: Uuid, write: &Write) -> Result<Place, Error> {
        let (reading, bytes) = match write {
            Write::Put(reading) => (reading, Some(by_account(&reading.bytes))),
            Write::TakePlace(reading) => (reading, None),
        };
        let wanted = if bytes.is_some() { Place::Filled } else { Place::Empty };
        let content = ReadingItem { bytes, expires_at: (reading.minute + KEPT).seconds_up() };
        let call = self.table.client.put_item().table_name(&self.table.name);
        let call = call
            .set_item(Some(item(&Key::reading(reading.minute, process, reading.number), &content)?))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let once = Builder::new().retry_config(RetryConfig::disabled());
        let Err(error) = call.customize().config_override(once).send().await else { return Ok(wanted) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                let is_filled = refused.item.as_ref().is_some_and(|found| found.contains_key("bytes"));
                Ok(if is_filled { Place::Filled } else { Place::Empty })
            }
            _ => Err(Error::of("PutItem", &error)),
        }
    }

    /// What the readings of a minute, which is given by its begin, come to. One query for each megabyte of them, which may miss one that was
    /// written a moment ago.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn sums(&self, minute: Time) -> Result<BTreeMap<Series, u64>, Error> {
        let mut sums = BTreeMap::<Series, u64>::new();
        for item in self.table.partition(&Key::readings(minute), None).await? {
            for (series, bytes) in read(item)? {
                let sum = sums.entry(series).or_default();
                *sum = sum.saturating_add(bytes);
            }
        }
        Ok(sums)
    }

    /// The end of the last minute up to which all are collected, if any ever was.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn collected_until(&self) -> Result<Option<Time>, Error> {
        let found = self.table.get(&Key::collected(), false).await?;
        let collected: Option<Collected> =
            found.map(|found| content("what is collected", found)).transpose()?;
        Ok(collected.map(|collected| Time::from_millis(collected.collected_until)))
    }

    /// Keeps that all minutes before a time are collected.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn put_collected_until(&self, until: Time) -> Result<(), Error> {
        self.table.put(&Key::collected(), &Collected { collected_until: until.millis() }).await
    }
}

fn by_account(bytes: &BTreeMap<Series, u64>) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut accounts = BTreeMap::<String, BTreeMap<String, u64>>::new();
    for (Series { account, direction, route, .. }, bytes) in bytes {
        let account = account.map_or_else(|| NOBODY.to_owned(), |account| account.to_string());
        accounts.entry(account).or_default().insert(format!("{direction} {route}"), *bytes);
    }
    accounts
}

fn read(item: Item) -> Result<Vec<(Series, u64)>, Error> {
    let ReadingItem { bytes, .. } = content("a reading", item)?;
    let accounts = bytes.unwrap_or_default().into_iter();
    let each = accounts.flat_map(|(account, routes)| {
        routes.into_iter().map(move |(route, bytes)| Some((series(&account, &route)?, bytes)))
    });
    let each: Option<Vec<_>> = each.collect();
    each.ok_or_else(|| Error::Corrupt("a reading", "a series can't be read".to_owned()))
}

fn series(account: &str, route: &str) -> Option<Series> {
    let account: Option<AccountId> = if account == NOBODY { None } else { Some(account.parse().ok()?) };
    let (direction, route) = route.split_once(' ')?;
    Some(own(account, direction.parse::<Direction>().ok()?, route))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{id::mint, usage::meter::MOST_SERIES};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(
            each in prop::collection::btree_map((0u8..4, any::<bool>(), "(GET|POST) /[a-z/{}]{0,40}"), 1u64.., 0..30),
        ) {
            let named = each.into_iter().map(|((nth, out, route), bytes)| {
                let account = (nth > 0).then(|| mint(Time::from_millis(7), [nth; 10]));
                let direction = if out { Direction::Egress } else { Direction::Ingress };
                (own(account, direction, &route), bytes)
            });
            let bytes: BTreeMap<Series, u64> = named.collect();
            let written = ReadingItem { bytes: Some(by_account(&bytes)), expires_at: 0 };
            let item = serde_dynamo::to_item(written).unwrap();
            prop_assert_eq!(read(item).unwrap().into_iter().collect::<BTreeMap<_, _>>(), bytes);
        }
    }

    /// An item has at most 400 KB, and costs a write unit for each.
    #[test]
    fn the_largest_reading_is_some_kilobytes() {
        let account = |nth: usize| {
            let mut entropy = [0; 10];
            entropy[..8].copy_from_slice(&nth.to_be_bytes());
            mint(Time::from_millis(7), entropy)
        };
        let longest = "DELETE /v1/accounts/{id}/keys/{key_id}";
        let bytes: BTreeMap<_, _> = (0..MOST_SERIES)
            .map(|nth| (own(Some(account(nth)), Direction::Ingress, longest), u64::MAX))
            .collect();
        let json = serde_json::to_string(&by_account(&bytes)).unwrap();
        assert!(json.len() < 60_000, "{}", json.len());
    }
}
