//! Points in time, in milliseconds.
//!
//! Domain code takes a [`Time`] as a parameter; only `runtime::clock::Clock`, outside the domain,
//! reads the system clock.

use std::{fmt, str::FromStr, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A point in time: RFC 3339 in UTC, with milliseconds.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(into = "String", try_from = "String")]
#[schema(value_type = String, format = DateTime, examples("2026-11-20T16:00:00.000Z"))]
pub struct Time(
    // Milliseconds since the Unix epoch.
    i64,
);

impl Time {
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since the Unix epoch, the unit of `DynamoDB`'s TTL.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded up so that items do not expire early.
    #[must_use]
    pub const fn seconds_ceil(self) -> i64 {
        self.0.div_euclid(1000) + (self.0.rem_euclid(1000) != 0) as i64
    }

    /// Start of the minute.
    #[must_use]
    pub const fn start_of_minute(self) -> Self {
        Self(self.0 - self.0.rem_euclid(60_000))
    }

    /// Time elapsed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clamped = Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        });
        write!(f, "{clamped:.3}")
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.to_string()
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "must be an RFC 3339 time such as 2026-11-20T16:00:00Z, \
     and before 9999-12-30T22:00:01Z"
)]
pub struct InvalidTime;

impl FromStr for Time {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, InvalidTime> {
        text.parse::<Timestamp>().map(|t| Self(t.as_millisecond())).map_err(|_| InvalidTime)
    }
}

impl TryFrom<String> for Time {
    type Error = InvalidTime;

    fn try_from(text: String) -> Result<Self, InvalidTime> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn displays_utc_with_milliseconds() {
        assert_eq!(Time::from_millis(1_763_654_400_007).to_string(), "2025-11-20T16:00:00.007Z");
        assert_eq!(Time::from_seconds(0).to_string(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn parsing_rejects_times_out_of_range() {
        for good in ["9999-12-30T22:00:00Z", "2026-11-20t16:00:00z", "2016-12-31T23:59:60Z"] {
            assert!(good.parse::<Time>().is_ok(), "{good}");
        }
        for bad in [
            "9999-12-30T22:00:01Z",
            "9999-12-31T23:59:59-23:00",
            "2026-11-20",
            "2026-11-20T16:00:00",
        ] {
            assert!(bad.parse::<Time>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn survives_its_own_text(millis in 0i64..253_402_300_799_000) {
            let time = Time::from_millis(millis);
            prop_assert_eq!(time.to_string().parse::<Time>().unwrap(), time);
        }

        #[test]
        fn any_value_can_be_shown(millis: i64) {
            let _ = Time::from_millis(millis).to_string();
        }

        #[test]
        fn seconds_never_expire_early(millis in 0i64..253_402_300_799_000) {
            let time = Time::from_millis(millis);
            prop_assert!(Time::from_seconds(time.seconds_ceil()) >= time);
            prop_assert!(Time::from_seconds(time.seconds_ceil() - 1) < time);
        }
    }
}
