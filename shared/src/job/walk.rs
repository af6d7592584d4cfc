//! The walk: within about an hour every job is looked at once, and those that are unfinished by then go on the
//! [due list](super::due), to be verified until they have ended.
//!
//! A walk covers the jobs that were accepted in one span of time, account by account. So each job is read once, however long it is kept.

use std::time::Duration;

use crate::{id::AccountId, time::Time};

/// How old a job is before a walk reads it: nearly all have ended by then.
const AGE: Duration = Duration::from_secs(15 * 60);

/// How far apart walks begin.
const EVERY: Duration = Duration::from_secs(3600);

/// A walk over the jobs that were accepted from `from` until before `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The begin of the span; the epoch in a stack's first walk, which finds what earlier releases left.
    pub from: Time,
    /// Its end.
    pub to: Time,
    /// How far it came.
    pub progress: Progress,
}

/// How far a walk came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// All accounts up to this one are walked; none yet if there is none.
    After(Option<AccountId>),
    /// This account is walked for jobs accepted before that time.
    Within(AccountId, Time),
    /// All is walked.
    Done,
}

impl Walk {
    /// The walk to go on with at `now`, given the last known one; none if it is done and the next isn't due.
    ///
    /// A span ends at a whole minute. So walks begin an hour apart, however late within its minute a check runs.
    #[must_use]
    pub fn current(known: Option<Self>, now: Time) -> Option<Self> {
        let to = (now - AGE).minute();
        match known {
            None => Some(Self { from: Time::from_millis(0), to, progress: Progress::After(None) }),
            Some(last) if last.progress == Progress::Done => {
                let is_due = last.to + EVERY <= to;
                is_due.then_some(Self { from: last.to, to, progress: Progress::After(None) })
            }
            unfinished => unfinished,
        }
    }

    /// Whether it is a stack's first.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.from == Time::from_millis(0)
    }

    /// Whether a job whose id is of `accepted`, and which is made at `now`, is behind the walk that should see it.
    #[must_use]
    pub fn misses(accepted: Time, now: Time) -> bool {
        accepted + AGE / 2 <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_763_654_400_000);

    #[test]
    fn spans_follow_each_other_without_a_gap() {
        let first = Walk::current(None, NOW).unwrap();
        assert!(first.is_first() && first.to == NOW - AGE);
        let done = Walk { progress: Progress::Done, ..first.clone() };
        assert_eq!(Walk::current(Some(done.clone()), NOW + Duration::from_secs(3599)), None);
        let next = Walk::current(Some(done), NOW + EVERY).unwrap();
        assert_eq!((next.from, next.to, next.is_first()), (first.to, NOW + EVERY - AGE, false));
    }

    #[test]
    fn walks_begin_an_hour_apart() {
        let at = |minute: u64, millis| NOW + Duration::from_millis(minute * 60_000 + millis);
        let first = Walk::current(None, at(0, 900)).unwrap();
        let done = Walk { progress: Progress::Done, ..first };
        assert_eq!(Walk::current(Some(done.clone()), at(59, 999)), None);
        assert!(Walk::current(Some(done), at(60, 0)).is_some());
    }

    #[test]
    fn an_unfinished_walk_goes_on() {
        let walk = Walk { progress: Progress::After(None), from: NOW, to: NOW };
        assert_eq!(Walk::current(Some(walk.clone()), NOW + 100 * EVERY), Some(walk));
    }
}
