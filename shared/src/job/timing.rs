use std::time::Duration;

use crate::time::Time;

/// How long the queues keep a message (the template's `MessageRetentionPeriod`): the longest that SQS offers. SQS deletes an older message
/// without handing it to the dead-letter queue
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>).
pub const QUEUE_RETENTION: Duration = Duration::from_secs(14 * 24 * 3600);

/// The part of the retention that a message's receives may use up before it becomes a dead letter, as a divisor. The dead-letter queue
/// counts a message's age from when it was first sent, so the rest is what is left to handle it there.
pub const RECEIVES_SHARE: u32 = 4;

/// What the worker needs beside the target's time: to claim before it, and to record after it.
const WORKER_MARGIN: Duration = Duration::from_secs(10);
/// What is left of that for recording, once the target had its time.
const SETTLE_MARGIN: Duration = Duration::from_secs(5);
/// How much longer than the function's time-out a message stays hidden, as AWS asks of a queue that feeds a function:
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>.
const VISIBILITY_FACTOR: u32 = 6;
/// How far the clocks of two of Amazon's machines may be apart.
const CLOCK_SKEW: Duration = Duration::from_secs(2);

/// The worker's times, all derived from the longest that a kind may give its target. The template holds the same numbers (its
/// mapping `Timing`), and a test holds the two together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    target: Duration,
}

impl Timing {
    /// Times for a stack whose kinds may set `timeout_seconds` up to `target`.
    #[must_use]
    pub const fn for_target(target: Duration) -> Self {
        Self { target }
    }

    /// The longest `timeout_seconds` of a kind.
    #[must_use]
    pub const fn target(self) -> Duration {
        self.target
    }

    /// The worker function's time-out.
    #[must_use]
    pub fn function(self) -> Duration {
        self.target + WORKER_MARGIN
    }

    /// The queue's visibility time-out.
    #[must_use]
    pub fn visibility(self) -> Duration {
        self.function() * VISIBILITY_FACTOR
    }

    /// Until when a claim holds that is made in an invocation which ends at `deadline`: no worker outlives its invocation.
    #[must_use]
    pub fn lease_until(deadline: Time) -> Time {
        deadline + CLOCK_SKEW
    }

    /// Whether an attempt that may take `timeout` can still begin and be recorded before `deadline`.
    #[must_use]
    pub fn may_start(now: Time, timeout: Duration, deadline: Time) -> bool {
        now + timeout + SETTLE_MARGIN <= deadline
    }

    /// How long a target may take from `now` on, so that what came of it can be recorded before `deadline`: less than its time-out only
    /// if the table was slow. `None` if that is next to nothing.
    #[must_use]
    pub fn left_for_target(now: Time, timeout: Duration, deadline: Time) -> Option<Duration> {
        let left = deadline.since(now).saturating_sub(SETTLE_MARGIN).min(timeout);
        Some(left).filter(|left| *left >= timeout.min(Duration::from_secs(1)))
    }

    /// When no message that was sent by `sent` is left in a queue, with a day to spare for clocks and repeats.
    #[must_use]
    pub fn messages_gone(sent: Time) -> Time {
        sent + QUEUE_RETENTION + Duration::from_secs(24 * 3600)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_fits_into_its_invocation_and_a_lease_into_the_visibility() {
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
