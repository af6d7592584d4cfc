use std::{fmt, str::FromStr, time::Duration};

use crate::time::Time;

/// Resolution of usage.
pub const MINUTE: Duration = Duration::from_secs(60);

const HOUR_MS: i64 = 3_600_000;

/// An hour in UTC, such as `2026-11-20T16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(
    // Hours since the Unix epoch.
    i64,
);

/// A day in UTC, such as `2026-11-20`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

/// Minute of the hour, 0 to 59.
#[must_use]
pub fn minute_of(time: Time) -> usize {
    usize::try_from(time.millis().rem_euclid(HOUR_MS) / 60_000).unwrap_or_default()
}

impl Hour {
    #[must_use]
    pub const fn of(time: Time) -> Self {
        Self(time.millis().div_euclid(HOUR_MS))
    }

    #[must_use]
    pub const fn start(self) -> Time {
        Time::from_millis(self.0.saturating_mul(HOUR_MS))
    }

    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    #[must_use]
    pub const fn day(self) -> Day {
        Day(self.0.div_euclid(24))
    }

    /// Hour of the day, 0 to 23.
    #[must_use]
    pub fn of_day(self) -> usize {
        usize::try_from(self.0.rem_euclid(24)).unwrap_or_default()
    }
}

impl Day {
    #[must_use]
    pub const fn of(time: Time) -> Self {
        Hour::of(time).day()
    }

    #[must_use]
    pub const fn start(self) -> Time {
        self.first().start()
    }

    #[must_use]
    pub const fn first(self) -> Hour {
        Hour(self.0.saturating_mul(24))
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.13}", self.start().to_string())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.10}", self.start().to_string())
    }
}

#[derive(Debug)]
pub struct InvalidHour;

impl FromStr for Hour {
    type Err = InvalidHour;

    fn from_str(text: &str) -> Result<Self, InvalidHour> {
        let hour = Self::of(format!("{text}:00:00Z").parse().map_err(|_| InvalidHour)?);
        if hour.to_string() == text { Ok(hour) } else { Err(InvalidHour) }
    }
}

impl FromStr for Day {
    type Err = InvalidHour;

    fn from_str(text: &str) -> Result<Self, InvalidHour> {
        Ok(format!("{text}T00").parse::<Hour>()?.day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn survive_their_text(millis in 0i64..253_402_000_000_000) {
            let time = Time::from_millis(millis);
            let (hour, day) = (Hour::of(time), Day::of(time));
            prop_assert_eq!(hour.to_string().parse::<Hour>().unwrap(), hour);
            prop_assert_eq!(day.to_string().parse::<Day>().unwrap(), day);
            prop_assert!(time.since(hour.start()) < MINUTE * 60 && hour.start() <= time);
            prop_assert_eq!(time.since(hour.start()).as_secs() / 60, minute_of(time) as u64);
            prop_assert_eq!(
                (hour.start().since(day.start()).as_secs() / 3600) as usize,
                hour.of_day()
            );
        }
    }

    #[test]
    fn displays_and_parses_iso_hours() {
        let hour = Hour::of("2026-11-20T16:59:59.999Z".parse().unwrap());
        assert_eq!(
            (hour.to_string(), hour.day().to_string()),
            ("2026-11-20T16".into(), "2026-11-20".into())
        );
        for bad in ["", "2026-11-20", "2026-11-20T16:00", "2026-11-20T24", "2026-11-20t16"] {
            assert!(bad.parse::<Hour>().is_err(), "{bad}");
        }
    }
}
