//! Time windows of a query, and the bytes counted in each.

use std::{str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use super::MINUTE;
use crate::time::Time;

/// Maximum number of points per series in one response.
pub const MAX_POINTS: usize = 1500;

/// Duration of a point.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
pub enum Step {
    /// One minute.
    #[serde(rename = "1m")]
    Minute,
    /// Five minutes.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// One hour.
    #[serde(rename = "1h")]
    Hour,
    /// One day in UTC.
    #[serde(rename = "1d")]
    Day,
}

/// Start of a query relative to now, from `1m` to `31d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookback(pub Duration);

/// Consecutive windows. Each starts at a multiple of the step since the epoch (in UTC for days).
/// All but the last are one step long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    step: Step,
    start: Time,
    end: Time,
}

/// Bytes counted in each window; `None` where nothing was reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Points {
    windows: Windows,
    bytes: Vec<Option<u64>>,
}

/// Why a range has no valid windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRange {
    /// The start is not before the end, which defaults to now.
    #[error("must be in the past and before the end")]
    Empty,
    #[error(
        "makes {points} points, more than {MAX_POINTS}; use a longer step or a shorter range",
        points = .0
    )]
    TooMany(usize),
}

#[derive(Debug, thiserror::Error)]
#[error("must be 1m, 5m, 1h or 1d")]
pub struct InvalidStep;

#[derive(Debug, thiserror::Error)]
#[error("must be an integer with s, m, h or d, from 1m to 31d")]
pub struct InvalidLookback;

impl Step {
    /// Shortest first.
    pub const ALL: [Self; 4] = [Self::Minute, Self::FiveMinutes, Self::Hour, Self::Day];

    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Minute => 60,
            Self::FiveMinutes => 300,
            Self::Hour => 3600,
            Self::Day => 86400,
        })
    }

    const fn millis(self) -> i64 {
        match self {
            Self::Minute => 60_000,
            Self::FiveMinutes => 300_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
        }
    }

    /// Rounds down to a multiple of the step.
    const fn floor(self, time: Time) -> Time {
        Time::from_millis(time.millis() - time.millis().rem_euclid(self.millis()))
    }
}

impl FromStr for Step {
    type Err = InvalidStep;

    fn from_str(text: &str) -> Result<Self, InvalidStep> {
        match text {
            "1m" => Ok(Self::Minute),
            "5m" => Ok(Self::FiveMinutes),
            "1h" => Ok(Self::Hour),
            "1d" => Ok(Self::Day),
            _ => Err(InvalidStep),
        }
    }
}

impl Default for Lookback {
    fn default() -> Self {
        Self(60 * MINUTE)
    }
}

impl FromStr for Lookback {
    type Err = InvalidLookback;

    fn from_str(text: &str) -> Result<Self, InvalidLookback> {
        const DAY: u64 = 86400;
        let (number, unit) =
            text.split_at_checked(text.len().saturating_sub(1)).ok_or(InvalidLookback)?;
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => DAY,
            _ => return Err(InvalidLookback),
        };
        let digits = !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| digits).ok_or(InvalidLookback)?;
        let seconds = number.checked_mul(unit).filter(|seconds| (60..=31 * DAY).contains(seconds));
        seconds.map(|seconds| Self(Duration::from_secs(seconds))).ok_or(InvalidLookback)
    }
}

impl Windows {
    /// The windows that cover `from` to `to`. They are full steps, except that the last one ends at
    /// `now` if `to` is later or omitted. The default step is the shortest that fits
    /// [`MAX_POINTS`].
    ///
    /// # Errors
    /// If the range is empty or has too many points.
    pub fn new(
        from: Time,
        to: Option<Time>,
        step: Option<Step>,
        now: Time,
    ) -> Result<Self, InvalidRange> {
        let to = to.unwrap_or(now).min(now);
        if from >= to {
            return Err(InvalidRange::Empty);
        }
        let of = |step: Step| {
            let end = Time::from_millis(
                step.floor(to).millis() + if step.floor(to) == to { 0 } else { step.millis() },
            );
            Self { step, start: step.floor(from), end: end.min(now) }
        };
        let fits = |windows: &Self| windows.count() <= MAX_POINTS;
        let windows = match step {
            Some(step) => of(step),
            None => Step::ALL.into_iter().map(of).find(fits).unwrap_or_else(|| of(Step::Day)),
        };
        if fits(&windows) { Ok(windows) } else { Err(InvalidRange::TooMany(windows.count())) }
    }

    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }

    /// Start of the first window.
    #[must_use]
    pub const fn start(&self) -> Time {
        self.start
    }

    /// End of the last window.
    #[must_use]
    pub const fn end(&self) -> Time {
        self.end
    }

    #[must_use]
    pub fn count(&self) -> usize {
        let millis = self.end.millis().saturating_sub(self.start.millis());
        usize::try_from((millis + self.step.millis() - 1) / self.step.millis())
            .unwrap_or(usize::MAX)
    }

    /// End of each window.
    pub fn ends(&self) -> impl Iterator<Item = Time> {
        let (start, step, end) = (self.start, self.step.duration(), self.end);
        std::iter::successors(Some(start + step), move |time| Some(*time + step))
            .take(self.count())
            .map(move |time| time.min(end))
    }

    /// Index of the window that contains `time`.
    fn nth(&self, time: Time) -> Option<usize> {
        let inside = time >= self.start && time < self.end;
        let nth = (time.millis() - self.start.millis()).div_euclid(self.step.millis());
        usize::try_from(nth).ok().filter(|_| inside)
    }
}

impl Points {
    /// Without any counts.
    #[must_use]
    pub fn new(windows: Windows) -> Self {
        Self { windows, bytes: vec![None; windows.count()] }
    }

    pub fn add(&mut self, time: Time, bytes: u64) {
        if let Some(point) = self.windows.nth(time).and_then(|nth| self.bytes.get_mut(nth)) {
            *point = Some(point.unwrap_or_default().saturating_add(bytes));
        }
    }

    /// Adds the points of another series with the same windows.
    pub fn merge(&mut self, other: &Self) {
        for (point, bytes) in self.bytes.iter_mut().zip(&other.bytes) {
            if let Some(bytes) = bytes {
                *point = Some(point.unwrap_or_default().saturating_add(*bytes));
            }
        }
    }

    /// The end of each window, with its bytes.
    pub fn iter(&self) -> impl Iterator<Item = (Time, Option<u64>)> {
        self.windows.ends().zip(self.bytes.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(text: &str) -> Time {
        format!("2026-11-20T{text}Z").parse().unwrap()
    }

    fn ends(windows: &Windows) -> Vec<String> {
        windows.ends().map(|end| end.to_string()[11..19].to_owned()).collect()
    }

    #[test]
    fn last_window_ends_now() {
        let now = time("16:07:30");
        let last = Windows::new(now - 5 * MINUTE, None, None, now).unwrap();
        assert_eq!(
            ends(&last),
            ["16:03:00", "16:04:00", "16:05:00", "16:06:00", "16:07:00", "16:07:30"]
        );
        let whole = Windows::new(time("16:02:00"), None, None, time("16:07:00")).unwrap();
        assert_eq!(ends(&whole), ["16:03:00", "16:04:00", "16:05:00", "16:06:00", "16:07:00"]);
        let past =
            Windows::new(time("13:30:00"), Some(time("14:30:00")), Some(Step::Hour), now).unwrap();
        assert_eq!(ends(&past), ["14:00:00", "15:00:00"]);
        let ahead =
            Windows::new(time("15:59:00"), Some(time("18:00:00")), Some(Step::Hour), now).unwrap();
        assert_eq!(ends(&ahead), ["16:00:00", "16:07:30"]);
    }

    #[test]
    fn default_step_is_the_shortest_that_fits() {
        let now = time("16:07:30");
        let step =
            |hours: u32| Windows::new(now - 60 * MINUTE * hours, None, None, now).unwrap().step();
        assert_eq!(
            [step(1), step(24), step(48), step(31 * 24)],
            [Step::Minute, Step::Minute, Step::FiveMinutes, Step::Hour]
        );
        assert_eq!(step(24 * 400), Step::Day);
        assert_eq!(
            Windows::new(now - 60 * MINUTE * 48, None, Some(Step::Minute), now),
            Err(InvalidRange::TooMany(2881))
        );
        assert_eq!(Windows::new(now, None, None, now), Err(InvalidRange::Empty));
        assert_eq!(
            Windows::new(time("16:00:00"), Some(time("15:00:00")), None, now),
            Err(InvalidRange::Empty)
        );
    }

    #[test]
    fn lookbacks() {
        for (text, seconds) in
            [("1m", 60), ("60s", 60), ("5m", 300), ("2h", 7200), ("31d", 31 * 86400), ("007m", 420)]
        {
            assert_eq!(text.parse::<Lookback>().unwrap().0.as_secs(), seconds, "{text}");
        }
        for bad in [
            "",
            "m",
            "5",
            "-5m",
            "+5m",
            "5M",
            "1.5h",
            "59s",
            "32d",
            "745h",
            "99999999999999999999d",
            "5mm",
            "5ü",
            " 5m",
        ] {
            assert!(bad.parse::<Lookback>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn windows_touch_and_hold_all_that_was_asked_for(
            from in 1i64..3_000_000_000,
            length in 1i64..3_000_000_000,
            ahead in 0i64..1_000_000_000,
            step in 0usize..4,
        ) {
            let (from, now) = (Time::from_millis(from), Time::from_millis(from + length));
            let to = Time::from_millis(from.millis() + 1 + ahead);
            let Ok(windows) = Windows::new(from, Some(to), Some(Step::ALL[step]), now) else {
                return Ok(())
            };
            let ends: Vec<_> = windows.ends().collect();
            prop_assert_eq!(ends.len(), windows.count());
            prop_assert!(
                windows.start() <= from
                    && *ends.last().unwrap() >= to.min(now)
                    && *ends.last().unwrap() <= now
            );
            for pair in ends.windows(2) {
                prop_assert!(
                    pair[0] < pair[1] && pair[1].since(pair[0]) <= Step::ALL[step].duration()
                );
                prop_assert_eq!(pair[0].millis() % Step::ALL[step].millis(), 0);
            }
            let mut points = Points::new(windows);
            points.add(from, 7);
            points.add(now, 9);
            prop_assert_eq!(points.iter().filter_map(|(_, bytes)| bytes).collect::<Vec<_>>(), [7]);
            prop_assert_eq!(points.iter().next().unwrap().1, Some(7));
        }
    }
}
