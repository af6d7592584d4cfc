use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{time::Time, usage::WATCHED};

/// How the collection of a source goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// What was defined when this was written.
    pub lineage: String,
    /// When all of it was last collected, by the minute that it was for.
    pub last_success_at: Option<Time>,
    /// How many series that were.
    pub series: u64,
    /// What went wrong last time, in words; none if nothing did.
    pub last_error: Option<String>,
    /// When that was.
    pub last_error_at: Option<Time>,
    /// How often in a row it failed.
    pub failures: u32,
    /// What of the last page couldn't be used, in words.
    pub last_warning: Option<String>,
    /// Whether that may have been series which will be there next time, as old as they are.
    #[serde(default)]
    pub in_part: bool,
}

/// The longest that a source which is down isn't asked.
const LONGEST_PAUSE: u32 = 10;

impl SourceState {
    /// Whether a series that is there for the first time at `due` began after a collection that had everything else.
    #[must_use]
    pub fn watched(&self, lineage: &str, due: Time) -> bool {
        let is_whole = self.lineage == lineage && !self.in_part;
        is_whole && self.last_success_at.is_some_and(|at| at < due && due.since(at) <= WATCHED)
    }

    /// Whether it is asked in the minute `due`. One that fails again and again is asked less and less often, but every ten minutes.
    #[must_use]
    pub fn is_asked(&self, lineage: &str, due: Time) -> bool {
        let Some(failed_at) =
            self.last_error_at.filter(|_| self.failures > 0 && self.lineage == lineage)
        else {
            return true;
        };
        // Three chances more, then a pause of 2, 4, 8 and at last 10 minutes.
        let minutes = match self.failures {
            0..=3 => 1,
            more => 2u32.saturating_pow((more - 3).min(8)).min(LONGEST_PAUSE),
        };
        due.since(failed_at) + Duration::from_secs(1) >= Duration::from_secs(60) * minutes
    }

    /// When it was last tried, by the minute that it was for; none if this definition never was. Those that were longest ago come first.
    #[must_use]
    pub fn last_tried(&self, lineage: &str) -> Option<Time> {
        self.last_success_at.max(self.last_error_at).filter(|_| self.lineage == lineage)
    }

    /// After a collection of `series` series for the minute `due`.
    #[must_use]
    pub fn succeeded(
        self,
        lineage: &str,
        due: Time,
        series: usize,
        warning: Option<String>,
    ) -> Self {
        Self {
            lineage: lineage.to_owned(),
            last_success_at: Some(due),
            series: u64::try_from(series).unwrap_or(u64::MAX),
            last_error: None,
            last_error_at: self.last_error_at,
            failures: 0,
            last_warning: warning,
            in_part: false,
        }
    }

    /// The same, of a page that had series whose counters could not be read.
    #[must_use]
    pub fn in_part(self, in_part: bool) -> Self {
        Self { in_part, ..self }
    }

    /// After one that failed. What was collected of another definition is forgotten.
    #[must_use]
    pub fn failed(self, lineage: &str, due: Time, why: String) -> Self {
        let is_same = self.lineage == lineage;
        Self {
            lineage: lineage.to_owned(),
            last_success_at: self.last_success_at.filter(|_| is_same),
            series: self.series,
            last_error: Some(why),
            last_error_at: Some(due),
            failures: if is_same { self.failures.saturating_add(1) } else { 1 },
            last_warning: self.last_warning,
            in_part: self.in_part,
        }
    }

    /// After one that failed for Tollgate's own reasons: the source isn't given a rest for that.
    #[must_use]
    pub fn stumbled(self, lineage: &str, due: Time, why: &str) -> Self {
        Self { failures: 1, ..self.failed(lineage, due, why.to_owned()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(nth: i64) -> Time {
        Time::from_seconds(nth * 60)
    }

    #[test]
    fn one_that_is_down_is_asked_less_and_less_often() {
        let mut state = SourceState::default();
        let asked: Vec<_> = (1..60)
            .filter(|nth| {
                let asked = state.is_asked("a", minute(*nth));
                if asked {
                    state = state.clone().failed("a", minute(*nth), "down".into());
                }
                asked
            })
            .collect();
        assert_eq!(asked, [1, 2, 3, 4, 6, 10, 18, 28, 38, 48, 58]);
        assert!(state.is_asked("b", minute(59)), "another definition has its own chances");
        let well = state.succeeded("a", minute(68), 3, None);
        assert!(well.is_asked("a", minute(69)) && well.last_error.is_none());
    }

    #[test]
    fn what_was_not_there_a_moment_ago_began_since() {
        let state = SourceState::default().succeeded("a", minute(10), 0, None);
        assert!(state.watched("a", minute(11)) && state.watched("a", minute(15)));
        assert!(
            !state.watched("a", minute(16))
                && !state.watched("b", minute(11))
                && !state.watched("a", minute(10))
        );
        assert!(state.clone().failed("a", minute(11), String::new()).watched("a", minute(12)));
        assert!(!state.clone().in_part(true).watched("a", minute(11)));
        assert!(!state.failed("b", minute(11), String::new()).watched("b", minute(12)));
    }
}
