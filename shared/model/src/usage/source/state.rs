use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{time::Time, usage::CONTINUITY_WINDOW};

/// Collection state of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    /// Generation of the source's definition when this was written.
    pub lineage: String,
    /// Minute of the last complete collection.
    pub last_success_at: Option<Time>,
    /// Number of series in it.
    pub series: u64,
    /// Error of the last collection; `None` if it succeeded.
    pub last_error: Option<String>,
    pub last_error_at: Option<Time>,
    /// Number of consecutive failures.
    pub failures: u32,
    /// Parts of the last page that could not be used.
    pub last_warning: Option<String>,
    /// Whether series that exist already were unreadable in the last page, so that they may appear
    /// as new in the next.
    #[serde(default)]
    pub in_part: bool,
}

/// Longest interval between two attempts at a failing source, in minutes.
const MAX_INTERVAL_MINUTES: u32 = 10;

impl SourceState {
    /// Whether a series first seen at `due` is new: the previous collection was recent and
    /// complete.
    #[must_use]
    pub fn is_continuous(&self, lineage: &str, due: Time) -> bool {
        let is_whole = self.lineage == lineage && !self.in_part;
        is_whole
            && self.last_success_at.is_some_and(|at| at < due && due.since(at) <= CONTINUITY_WINDOW)
    }

    /// Whether the source is collected in the minute `due`. A failing source is collected less and
    /// less often, but at least every ten minutes.
    #[must_use]
    pub fn is_due(&self, lineage: &str, due: Time) -> bool {
        let Some(failed_at) =
            self.last_error_at.filter(|_| self.failures > 0 && self.lineage == lineage)
        else {
            return true;
        };
        // Three more attempts, then intervals of 2, 4, 8 and finally 10 minutes.
        let minutes = match self.failures {
            0..=3 => 1,
            more => 2u32.saturating_pow((more - 3).min(8)).min(MAX_INTERVAL_MINUTES),
        };
        due.since(failed_at) + Duration::from_secs(1) >= Duration::from_secs(60) * minutes
    }

    /// Minute of the last attempt with this definition. Sources are collected in ascending order of
    /// it.
    #[must_use]
    pub fn last_attempt(&self, lineage: &str) -> Option<Time> {
        self.last_success_at.max(self.last_error_at).filter(|_| self.lineage == lineage)
    }

    /// Records a collection of `series` series for the minute `due`.
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

    /// Marks whether the page had series whose counters could not be read.
    #[must_use]
    pub fn with_incomplete(self, in_part: bool) -> Self {
        Self { in_part, ..self }
    }

    /// Records a failed collection. Success with another definition is discarded.
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

    /// Records a failure on Tollgate's side, which does not count towards the backoff.
    #[must_use]
    pub fn failed_internally(self, lineage: &str, due: Time, why: &str) -> Self {
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
    fn failing_source_is_collected_less_often() {
        let mut state = SourceState::default();
        let asked: Vec<_> = (1..60)
            .filter(|nth| {
                let asked = state.is_due("a", minute(*nth));
                if asked {
                    state = state.clone().failed("a", minute(*nth), "down".into());
                }
                asked
            })
            .collect();
        assert_eq!(asked, [1, 2, 3, 4, 6, 10, 18, 28, 38, 48, 58]);
        assert!(state.is_due("b", minute(59)), "another definition has its own backoff");
        let well = state.succeeded("a", minute(68), 3, None);
        assert!(well.is_due("a", minute(69)) && well.last_error.is_none());
    }

    #[test]
    fn new_series_is_watched_after_a_recent_complete_collection() {
        let state = SourceState::default().succeeded("a", minute(10), 0, None);
        assert!(state.is_continuous("a", minute(11)) && state.is_continuous("a", minute(15)));
        assert!(
            !state.is_continuous("a", minute(16))
                && !state.is_continuous("b", minute(11))
                && !state.is_continuous("a", minute(10))
        );
        assert!(
            state.clone().failed("a", minute(11), String::new()).is_continuous("a", minute(12))
        );
        assert!(!state.clone().with_incomplete(true).is_continuous("a", minute(11)));
        assert!(!state.failed("b", minute(11), String::new()).is_continuous("b", minute(12)));
    }
}
