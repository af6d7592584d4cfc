use crate::{
    id::{self, AccountId, JobId},
    name::Name,
    time::Time,
};

/// The placeholder that Scheduler replaces by the scheduled time in the message it sends
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html>).
pub const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

const MINUTE_MS: i64 = 60_000;

/// The scheduled time of an occurrence whose message says `at` and was sent at `sent_at`.
///
/// Some emulators send the placeholder unchanged. Schedules fire at full minutes, so the minute of
/// `sent_at` is used instead. It stays the same across redeliveries.
#[must_use]
pub fn due_at(at: &str, sent_at: Time) -> Time {
    at.parse()
        .unwrap_or_else(|_| Time::from_millis(sent_at.millis().div_euclid(MINUTE_MS) * MINUTE_MS))
}

/// The id of the job that a schedule creates for `at`. It is derived from the arguments alone, so
/// that a message delivered twice creates one job.
#[must_use]
pub fn job_id(account: AccountId, schedule: &Name, at: Time) -> JobId {
    // The time is hashed too, because the id's random bits distribute jobs over partitions.
    id::derived(at, &[&account.to_string(), schedule.as_str(), &at.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id_of(account: u8, schedule: &str, at: i64) -> JobId {
        job_id(
            id::generate(Time::from_millis(1), [account; 10]),
            &schedule.parse().unwrap(),
            Time::from_seconds(at),
        )
    }

    /// The id must stay stable: workers of different versions have to derive the same id.
    #[test]
    fn derived_id_is_stable() {
        insta::assert_snapshot!(
            id_of(1, "nightly", 1_763_654_400),
            @"job_01kagzwy00evar48fyq7np4g6p"
        );
    }

    proptest! {
        #[test]
        fn each_occurrence_has_an_id_of_its_own_and_its_time(
            a in 0u8..3,
            b in 0u8..3,
            x in "[ab]{1,2}",
            y in "[ab]{1,2}",
            s in 0i64..3,
            t in 0i64..3,
        ) {
            let (one, other) = (id_of(a, &x, s), id_of(b, &y, t));
            prop_assert_eq!(one == other, (a, x, s) == (b, y, t));
            prop_assert_eq!(id::time_of(&one), Time::from_seconds(s));
        }

        #[test]
        fn without_a_time_it_is_the_minute_of_the_sending(
            second in 0i64..60,
            millis in 0i64..1000,
        ) {
            let sent = Time::from_millis(1_763_654_400_000 + second * 1000 + millis);
            prop_assert_eq!(due_at(SCHEDULED_TIME, sent), Time::from_seconds(1_763_654_400));
            prop_assert_eq!(
                due_at("2026-11-20T16:00:00Z", sent).to_string(),
                "2026-11-20T16:00:00.000Z"
            );
        }
    }
}
