use std::time::Duration;

use super::{Job, Status};
use crate::time::Time;

/// How long jobs of a kind have lately taken from being due to their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// How many finished.
    pub jobs: u64,
    /// How long they took together, in milliseconds.
    pub took_ms: u64,
}

impl Pace {
    /// The pace of these jobs and those together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            jobs: self.jobs.saturating_add(other.jobs),
            took_ms: self.took_ms.saturating_add(other.took_ms),
        }
    }

    /// The mean.
    #[must_use]
    pub fn mean(self) -> Option<Duration> {
        self.took_ms.checked_div(self.jobs).map(Duration::from_millis)
    }
}

const LONGEST: u64 = 60;

/// In how many seconds it pays to ask for the job again; `None` when it has its outcome.
///
/// A job that waits for a known time is worth a look then. Otherwise one is due when jobs of its kind are usually over; one that has
/// taken longer than that is asked for ever more rarely, by half of what it took so far.
#[must_use]
pub fn retry_after(job: &Job, pace: Pace, now: Time) -> Option<u64> {
    if job.status.is_terminal() {
        return None;
    }
    let due = job.next_attempt_at.unwrap_or(job.run_at);
    let wait = if job.status == Status::Queued && due > now {
        due.since(now)
    } else {
        let elapsed = now.since(job.run_at);
        match pace.mean() {
            Some(mean) if mean > elapsed => mean.saturating_sub(elapsed),
            _ => elapsed / 2,
        }
    };
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    Some(seconds.clamp(1, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::mint;
    use proptest::prelude::*;

    fn job(status: Status, next_attempt_at: Option<Time>) -> Job {
        let start = Time::from_seconds(1_000_000);
        let kind = "echo".parse().unwrap();
        let job = Job::waiting(mint(start, [0; 10]), mint(start, [0; 10]), kind, 8, start);
        Job { status, next_attempt_at, ..job }
    }

    fn at(seconds: i64) -> Time {
        Time::from_seconds(1_000_000 + seconds)
    }

    #[test]
    fn follows_what_jobs_of_the_kind_take() {
        let pace = Pace { jobs: 10, took_ms: 100_000 };
        assert_eq!(retry_after(&job(Status::Queued, None), pace, at(0)), Some(10));
        assert_eq!(retry_after(&job(Status::Running, None), pace, at(7)), Some(3));
        assert_eq!(retry_after(&job(Status::Running, None), pace, at(30)), Some(15));
        assert_eq!(retry_after(&job(Status::Running, None), Pace::default(), at(0)), Some(1));
        assert_eq!(retry_after(&job(Status::Queued, Some(at(25))), pace, at(5)), Some(20));
        assert_eq!(retry_after(&job(Status::Completed, None), pace, at(0)), None);
    }

    proptest! {
        #[test]
        fn is_always_a_sensible_wait(jobs: u64, took_ms: u64, seconds in -100i64..10_000_000, due in proptest::option::of(-100i64..10_000_000)) {
            for status in [Status::Queued, Status::Running] {
                let wait = retry_after(&job(status, due.map(at)), Pace { jobs, took_ms }, at(seconds));
                prop_assert!(wait.is_some_and(|wait| (1..=LONGEST).contains(&wait)));
            }
        }
    }
}
