mod advance;

use std::{fmt, str::FromStr};

pub use advance::{Advance, ClosedHour};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{Counter, Hour, Series, minute_of};
use crate::{
    name::{Name, NotAName},
    time::Time,
};

/// What is counted of a series at one origin: its current hour, and all of it together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Of what.
    pub series: Series,
    /// Where.
    pub origin: Origin,
    /// All bytes that were ever counted; it never falls.
    pub total: u64,
    /// The hour that isn't closed yet: that of the last report, which may be long ago.
    pub hour: Hour,
    /// What was counted in each of its minutes.
    pub minutes: Minutes,
    /// What the source said last; none of what was pushed.
    pub counter: Option<Counter>,
    /// How often it was written.
    pub version: u64,
}

/// Bytes in each minute of an hour; none where nothing was reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minutes(pub [Option<u64>; 60]);

/// Where a series is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// At a source that Tollgate asks.
    Source(Name),
    /// By whoever reports it.
    Pushed,
    /// At Tollgate's own API, by a release that still counted there. Stored items name it for up to 400 days; it never grows.
    Own,
}

impl Head {
    /// The total at a time of the head's hour or after it; none if that was in an hour before, which is closed.
    #[must_use]
    pub fn total_at(&self, time: Time) -> Option<u64> {
        if time < self.hour.start() {
            return None;
        }
        let first = if Hour::of(time) == self.hour { minute_of(time) } else { 60 };
        Some(self.total.saturating_sub(self.minutes.sum_from(first)))
    }

    /// The total when the head's hour began.
    #[must_use]
    pub fn before(&self) -> u64 {
        self.total.saturating_sub(self.minutes.sum_from(0))
    }
}

impl Default for Minutes {
    fn default() -> Self {
        Self([None; 60])
    }
}

impl Minutes {
    /// The bytes from a minute of the hour on.
    #[must_use]
    pub fn sum_from(&self, first: usize) -> u64 {
        self.0.iter().skip(first).flatten().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// The bytes of the minutes before one.
    #[must_use]
    pub fn sum_before(&self, end: usize) -> u64 {
        self.0.iter().take(end).flatten().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// The bytes of the hour; none if nothing was reported in any of its minutes.
    #[must_use]
    pub fn sum(&self) -> Option<u64> {
        self.0.iter().flatten().copied().reduce(u64::saturating_add)
    }
}

/// No name of a source begins with a hyphen.
const PUSHED: &str = "-push";
const OWN: &str = "-tollgate";

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(name) => name.fmt(f),
            Self::Pushed => f.write_str(PUSHED),
            Self::Own => f.write_str(OWN),
        }
    }
}

impl FromStr for Origin {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        match text {
            PUSHED => Ok(Self::Pushed),
            OWN => Ok(Self::Own),
            name => name.parse().map(Self::Source),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
