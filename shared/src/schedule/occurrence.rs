use crate::{
    id::{self, AccountId, JobId},
    name::Name,
    time::Time,
};

/// What Scheduler replaces, in the message that it sends, by the time for which it was due
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>).
pub const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

const MINUTE_MS: i64 = 60_000;

/// For when an occurrence was due, of which a message says `at` and that was sent at `sent_at`.
///
/// Some emulators send the placeholder as it is. Schedules have whole minutes, so the minute of the sending is the next best: it stays
/// the same however often the message is delivered.
#[must_use]
pub fn due_at(at: &str, sent_at: Time) -> Time {
    at.parse()
        .unwrap_or_else(|_| Time::from_millis(sent_at.millis().div_euclid(MINUTE_MS) * MINUTE_MS))
}

/// The id of the job that an account's schedule makes for `at`. It follows from these alone, so that a message that is delivered
/// twice makes one job.
#[must_use]
pub fn job_id(account: AccountId, schedule: &Name, at: Time) -> JobId {
    // With the time in it, so that the random bits differ, by which jobs are spread over partitions.
    id::derived(at, &[&account.to_string(), schedule.as_str(), &at.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id_of(account: u8, schedule: &str, at: i64) -> JobId {
        job_id(
            id::mint(Time::from_millis(1), [account; 10]),
            &schedule.parse().unwrap(),
            Time::from_seconds(at),
        )
    }

    /// Kept for good: a worker of another version has to come to the same id.
    #[test]
    fn is_what_it_always_was() {
        insta::assert_snapshot!(id_of(1, "nightly", 1_763_654_400), @"job_01kagzwy00evar48fyq7np4g6p");
    }

    proptest! {
        #[test]
        fn each_occurrence_has_an_id_of_its_own_and_its_time(a in 0u8..3, b in 0u8..3, x in "[ab]{1,2}", y in "[ab]{1,2}", s in 0i64..3, t in 0i64..3) {
            let (one, other) = (id_of(a, &x, s), id_of(b, &y, t));
            prop_assert_eq!(one == other, (a, x, s) == (b, y, t));
            prop_assert_eq!(id::time_of(&one), Time::from_seconds(s));
        }

        #[test]
        fn without_a_time_it_is_the_minute_of_the_sending(second in 0i64..60, millis in 0i64..1000) {
            let sent = Time::from_millis(1_763_654_400_000 + second * 1000 + millis);
            prop_assert_eq!(due_at(SCHEDULED_TIME, sent), Time::from_seconds(1_763_654_400));
            prop_assert_eq!(due_at("2026-11-20T16:00:00Z", sent).to_string(), "2026-11-20T16:00:00.000Z");
        }
    }
}
