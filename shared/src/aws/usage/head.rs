//! Heads and closed hours as items.

use crate::{
    aws::{Error, key::Key, table::Item},
    time::Time,
    usage::{Counter, Head, Hour, Minutes, Origin},
};

const NOUN: &str = "usage";

/// A closed hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    /// The total when it began.
    pub before: u64,
    pub minutes: Minutes,
}

/// A head from its item.
pub(super) fn read(item: Item) -> Result<Head, Error> {
    let corrupt = |what: &str| Error::Corrupt(NOUN, format!("{what} can't be read"));
    let (pk, sk) = key(&item);
    let origin: Option<Origin> = pk.split_once('#').and_then(|(_, origin)| origin.parse().ok());
    let counter = match number(&item, "last") {
        None => None,
        Some(value) => Some(Counter {
            value,
            at: Time::from_millis(signed(&item, "at").ok_or_else(|| corrupt("its time"))?),
            lineage: string(&item, "lineage").unwrap_or_default().to_owned(),
        }),
    };
    Ok(Head {
        series: Key::of_head(sk).ok_or_else(|| corrupt("its key"))?,
        origin: origin.ok_or_else(|| corrupt("its partition"))?,
        total: number(&item, "total").ok_or_else(|| corrupt("its total"))?,
        hour: string(&item, "hour").and_then(|hour| hour.parse().ok()).ok_or_else(|| corrupt("its hour"))?,
        minutes: minutes(&item),
        counter,
        version: number(&item, "version").unwrap_or_default(),
    })
}

/// A closed hour from its item.
pub(super) fn read_closed(item: Item) -> Result<(Hour, Closed), Error> {
    let (_, sk) = key(&item);
    let hour = sk.rsplit('#').next().and_then(|hour| hour.parse().ok());
    let hour = hour.ok_or_else(|| Error::Corrupt(NOUN, "the key of an hour can't be read".into()))?;
    Ok((hour, Closed { before: number(&item, "before").unwrap_or_default(), minutes: minutes(&item) }))
}

/// The attribute of a minute.
pub(super) fn minute(nth: usize) -> String {
    format!("m{nth:02}")
}

fn minutes(item: &Item) -> Minutes {
    Minutes(std::array::from_fn(|nth| number(item, &minute(nth))))
}

fn key(item: &Item) -> (&str, &str) {
    (string(item, "pk").unwrap_or_default(), string(item, "sk").unwrap_or_default())
}

fn number(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn signed(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn string<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}
