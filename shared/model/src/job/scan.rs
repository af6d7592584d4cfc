//! The hourly scan: within about an hour of its acceptance, every job is read once. Unfinished jobs
//! are put on the [due list](super::due), to be verified until they have ended.
//!
//! A scan covers the jobs accepted in one time span, account by account. Each job is thus read
//! once, however long it is stored.

use std::time::Duration;

use crate::{id::AccountId, time::Time};

/// Age of a job when it is read: nearly all jobs have ended by then.
const MIN_AGE: Duration = Duration::from_secs(15 * 60);

/// Interval between the starts of two scans.
const INTERVAL: Duration = Duration::from_secs(3600);

/// A scan of the jobs accepted from `from` (inclusive) to `to` (exclusive).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The epoch in a stack's first scan, which covers jobs of earlier releases.
    pub from: Time,
    pub to: Time,
    pub progress: Progress,
}

/// How far a scan has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All accounts up to and including this one are done; `None` at the start.
    After(Option<AccountId>),
    /// This account is done for jobs accepted before that time.
    Within(AccountId, Time),
    /// All accounts are done.
    Done,
}

impl Scan {
    /// The scan to continue at `now`, given the last stored one; `None` if that is done and the
    /// next one is not due.
    ///
    /// A span ends at a full minute. Scans thus start an hour apart, however late within its minute
    /// a tick runs.
    #[must_use]
    pub fn current(known: Option<Self>, now: Time) -> Option<Self> {
        let to = (now - MIN_AGE).start_of_minute();
        match known {
            None => Some(Self { from: Time::from_millis(0), to, progress: Progress::After(None) }),
            Some(last) if last.progress == Progress::Done => {
                let is_due = last.to + INTERVAL <= to;
                is_due.then_some(Self { from: last.to, to, progress: Progress::After(None) })
            }
            unfinished => unfinished,
        }
    }

    /// Whether it is a stack's first scan.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.from == Time::from_millis(0)
    }

    /// Whether a job created at `now` with an id of the time `accepted` may be behind the scan that
    /// should cover it.
    #[must_use]
    pub fn is_missed(accepted: Time, now: Time) -> bool {
        accepted + MIN_AGE / 2 <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_763_654_400_000);

    #[test]
    fn spans_are_contiguous() {
        let first = Scan::current(None, NOW).unwrap();
        assert!(first.is_first() && first.to == NOW - MIN_AGE);
        let done = Scan { progress: Progress::Done, ..first.clone() };
        assert_eq!(Scan::current(Some(done.clone()), NOW + Duration::from_secs(3599)), None);
        let next = Scan::current(Some(done), NOW + INTERVAL).unwrap();
        assert_eq!(
            (next.from, next.to, next.is_first()),
            (first.to, NOW + INTERVAL - MIN_AGE, false)
        );
    }

    #[test]
    fn scans_start_an_hour_apart() {
        let at = |minute: u64, millis| NOW + Duration::from_millis(minute * 60_000 + millis);
        let first = Scan::current(None, at(0, 900)).unwrap();
        let done = Scan { progress: Progress::Done, ..first };
        assert_eq!(Scan::current(Some(done.clone()), at(59, 999)), None);
        assert!(Scan::current(Some(done), at(60, 0)).is_some());
    }

    #[test]
    fn unfinished_scan_continues() {
        let walk = Scan { progress: Progress::After(None), from: NOW, to: NOW };
        assert_eq!(Scan::current(Some(walk.clone()), NOW + 100 * INTERVAL), Some(walk));
    }
}
