use std::time::Duration;

use super::{Job, Status};
use crate::time::Time;

/// Recent durations of a kind's jobs, from due time to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompletionTimes {
    /// Number of finished jobs.
    pub jobs: u64,
    /// Sum of their durations, in milliseconds.
    pub total_ms: u64,
}

impl CompletionTimes {
    /// The sum of both.
    #[must_use]
    pub const fn merged(self, other: Self) -> Self {
        Self {
            jobs: self.jobs.saturating_add(other.jobs),
            total_ms: self.total_ms.saturating_add(other.total_ms),
        }
    }

    #[must_use]
    pub fn mean(self) -> Option<Duration> {
        self.total_ms.checked_div(self.jobs).map(Duration::from_millis)
    }
}

const MAX_SECONDS: u64 = 60;

/// Value of a `Retry-After` header in seconds: when to poll the job again. `None` once it has
/// ended.
///
/// For a job that waits for a known time, that time. Otherwise the mean duration of the kind's
/// jobs. Once a job has taken longer, the interval is half of its age, so polls become ever less
/// frequent.
#[must_use]
pub fn retry_after(job: &Job, pace: CompletionTimes, now: Time) -> Option<u64> {
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
    Some(seconds.clamp(1, MAX_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::generate;
    use proptest::prelude::*;

    fn job(status: Status, next_attempt_at: Option<Time>) -> Job {
        let start = Time::from_seconds(1_000_000);
        let kind = "echo".parse().unwrap();
        let job = Job::queued(generate(start, [0; 10]), generate(start, [0; 10]), kind, 8, start);
        Job { status, next_attempt_at, ..job }
    }

    fn at(seconds: i64) -> Time {
        Time::from_seconds(1_000_000 + seconds)
    }

    #[test]
    fn follows_mean_duration_of_the_kind() {
        let pace = CompletionTimes { jobs: 10, total_ms: 100_000 };
        assert_eq!(retry_after(&job(Status::Queued, None), pace, at(0)), Some(10));
        assert_eq!(retry_after(&job(Status::Running, None), pace, at(7)), Some(3));
        assert_eq!(retry_after(&job(Status::Running, None), pace, at(30)), Some(15));
        assert_eq!(
            retry_after(&job(Status::Running, None), CompletionTimes::default(), at(0)),
            Some(1)
        );
        assert_eq!(retry_after(&job(Status::Queued, Some(at(25))), pace, at(5)), Some(20));
        assert_eq!(retry_after(&job(Status::Completed, None), pace, at(0)), None);
    }

    proptest! {
        #[test]
        fn is_always_a_sensible_wait(
            jobs: u64,
            total_ms: u64,
            seconds in -100i64..10_000_000,
            due in proptest::option::of(-100i64..10_000_000),
        ) {
            for status in [Status::Queued, Status::Running] {
                let times = CompletionTimes { jobs, total_ms };
                let wait = retry_after(&job(status, due.map(at)), times, at(seconds));
                prop_assert!(wait.is_some_and(|wait| (1..=MAX_SECONDS).contains(&wait)));
            }
        }
    }
}
