mod update;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
pub use update::{ClosedHour, HourUpdate};

use super::{Counter, Hour, Series, minute_of};
use crate::{
    name::{InvalidName, Name},
    time::Time,
};

/// A series' counter at one origin: the minutes of its open hour, and its total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenHour {
    pub series: Series,
    pub origin: Origin,
    /// All bytes ever counted. It never decreases.
    pub total: u64,
    /// The open hour: that of the last count, which may be long ago.
    pub hour: Hour,
    /// Bytes per minute of that hour.
    pub minutes: Minutes,
    /// The source's last counter value; `None` for reported usage.
    pub counter: Option<Counter>,
    /// Number of writes, for optimistic locking.
    pub version: u64,
}

/// Bytes per minute of an hour; `None` where nothing was reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minutes(pub [Option<u64>; 60]);

/// Where a series is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// At a source that Tollgate scrapes.
    Source(Name),
    /// By usage reports of clients.
    Pushed,
    /// At Tollgate's own API, by an earlier release. Stored items refer to it for up to 400 days;
    /// it no longer grows.
    TollgateApi,
}

impl OpenHour {
    /// The total at `time`; `None` if that is before the open hour.
    #[must_use]
    pub fn total_at(&self, time: Time) -> Option<u64> {
        if time < self.hour.start() {
            return None;
        }
        let first = if Hour::of(time) == self.hour { minute_of(time) } else { 60 };
        Some(self.total.saturating_sub(self.minutes.sum_from(first)))
    }

    /// The total at the start of the open hour.
    #[must_use]
    pub fn total_at_start(&self) -> u64 {
        self.total.saturating_sub(self.minutes.sum_from(0))
    }
}

impl Default for Minutes {
    fn default() -> Self {
        Self([None; 60])
    }
}

impl Minutes {
    /// Bytes of the minutes from `first` on.
    #[must_use]
    pub fn sum_from(&self, first: usize) -> u64 {
        self.0.iter().skip(first).flatten().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// Bytes of the minutes before `end`.
    #[must_use]
    pub fn sum_before(&self, end: usize) -> u64 {
        self.0.iter().take(end).flatten().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// Bytes of the hour; `None` if nothing was reported in it.
    #[must_use]
    pub fn sum(&self) -> Option<u64> {
        self.0.iter().flatten().copied().reduce(u64::saturating_add)
    }
}

/// Names of sources never start with a hyphen.
const PUSHED: &str = "-push";
const OWN: &str = "-tollgate";

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(name) => name.fmt(f),
            Self::Pushed => f.write_str(PUSHED),
            Self::TollgateApi => f.write_str(OWN),
        }
    }
}

impl FromStr for Origin {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text {
            PUSHED => Ok(Self::Pushed),
            OWN => Ok(Self::TollgateApi),
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
