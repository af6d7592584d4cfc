use std::time::Duration;

use crate::time::Time;

/// How long the queues keep a message (the template's `MessageRetentionPeriod`): the SQS maximum.
/// SQS deletes an older message without moving it to the dead-letter queue
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>).
pub const QUEUE_RETENTION: Duration = Duration::from_secs(14 * 24 * 3600);

/// The receives of a message may use up at most `1 / RECEIVES_SHARE` of the retention before it
/// becomes a dead letter. The dead-letter queue counts a message's age from its first send, so only
/// the rest is left to handle it there.
pub const RECEIVES_DIVISOR: u32 = 4;

/// The worker's time in addition to the target's: to claim the job before and to record the result
/// after.
const WORKER_MARGIN: Duration = Duration::from_secs(10);
/// The part of the margin reserved to record the result.
const RECORD_MARGIN: Duration = Duration::from_secs(5);
/// Factor by which the visibility timeout exceeds the function's timeout, as AWS recommends for a
/// queue that triggers a function:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>.
const VISIBILITY_FACTOR: u32 = 6;
/// Assumed maximum clock difference between two AWS hosts.
const CLOCK_SKEW: Duration = Duration::from_secs(2);

/// The worker's timeouts, all derived from the longest timeout that a kind may set. The template
/// has the same numbers (its mapping `Timing`); a test compares the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    target: Duration,
}

impl Timing {
    /// Timeouts for a stack whose kinds may set `timeout_seconds` up to `target`.
    #[must_use]
    pub const fn for_target(target: Duration) -> Self {
        Self { target }
    }

    /// The longest `timeout_seconds` of a kind.
    #[must_use]
    pub const fn target(self) -> Duration {
        self.target
    }

    /// The worker function's timeout.
    #[must_use]
    pub fn function(self) -> Duration {
        self.target + WORKER_MARGIN
    }

    /// The queue's visibility timeout.
    #[must_use]
    pub fn visibility(self) -> Duration {
        self.function() * VISIBILITY_FACTOR
    }

    /// End of a lease claimed in an invocation that ends at `deadline`: no worker outlives its
    /// invocation.
    #[must_use]
    pub fn lease_until(deadline: Time) -> Time {
        deadline + CLOCK_SKEW
    }

    /// Whether an attempt of up to `timeout` can start now and still be recorded before `deadline`.
    #[must_use]
    pub fn may_start(now: Time, timeout: Duration, deadline: Time) -> bool {
        now + timeout + RECORD_MARGIN <= deadline
    }

    /// The target's timeout from `now` on that leaves time to record the result before `deadline`.
    /// It is shorter than the kind's `timeout` only if the table was slow. `None` if less than a
    /// second (or `timeout`) is left.
    #[must_use]
    pub fn target_timeout(now: Time, timeout: Duration, deadline: Time) -> Option<Duration> {
        let left = deadline.since(now).saturating_sub(RECORD_MARGIN).min(timeout);
        Some(left).filter(|left| *left >= timeout.min(Duration::from_secs(1)))
    }

    /// When no message sent by `sent` is left in a queue, with one day in reserve for clock skew
    /// and redelivery.
    #[must_use]
    pub fn messages_expired_at(sent: Time) -> Time {
        sent + QUEUE_RETENTION + Duration::from_secs(24 * 3600)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempt_fits_into_invocation_and_lease_into_visibility_timeout() {
        for seconds in [1, 10, 60, 600, 885] {
            let timing = Timing::for_target(Duration::from_secs(seconds));
            let start = Time::from_millis(0);
            let deadline = start + timing.function();
            assert!(Timing::may_start(start + Duration::from_secs(5), timing.target(), deadline));
            assert!(!Timing::may_start(start + Duration::from_secs(11), timing.target(), deadline));
            assert!(Timing::lease_until(deadline) < start + timing.visibility());
        }
    }
}
