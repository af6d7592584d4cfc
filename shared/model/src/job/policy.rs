use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often a job is attempted, and the backoff between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RetryPolicy {
    /// Maximum number of attempts.
    #[schema(minimum = 1, maximum = 100, default = 8)]
    pub max_attempts: u32,
    /// Upper bound of the wait before the second attempt, in seconds.
    #[schema(minimum = 0, maximum = 3600, default = 2)]
    pub initial_seconds: u32,
    /// Growth of that bound with each further attempt.
    #[schema(minimum = 1, maximum = 10, default = 2)]
    pub factor: f64,
    /// Longest wait between two attempts, in seconds.
    #[schema(minimum = 1, maximum = 36000, default = 3600)]
    pub max_seconds: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 8, initial_seconds: 2, factor: 2.0, max_seconds: 3600 }
    }
}

impl RetryPolicy {
    /// Backoff after attempt number `attempt` (starting at 1) with full jitter: a uniform share of
    /// the exponential ceiling, chosen by `random` in `[0, 1)`. Whole seconds, like SQS delays, and
    /// at least one, so that a job is due when its message arrives.
    ///
    /// Why full jitter:
    /// <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.
    #[must_use]
    pub fn delay(&self, attempt: u32, random: f64) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let ceiling = (f64::from(self.initial_seconds) * self.factor.powi(exponent))
            .min(f64::from(self.max_seconds));
        Duration::from_secs(1).max(Duration::from_secs_f64((ceiling * random).ceil()))
    }

    /// Clamps the wait that a target requested by `Retry-After` to 1 second up to the policy's
    /// `max_seconds`, rounded up to whole seconds.
    #[must_use]
    pub fn clamp_retry_after(&self, asked: Duration) -> Duration {
        let whole = Duration::from_secs(asked.as_secs() + u64::from(asked.subsec_nanos() > 0));
        whole.clamp(Duration::from_secs(1), Duration::from_secs(self.max_seconds.max(1).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn any_policy()(
            max_attempts in 1u32..=100,
            initial_seconds in 0u32..=3600,
            factor in 1.0f64..=10.0,
            max_seconds in 1u32..=36_000,
        ) -> RetryPolicy { RetryPolicy { max_attempts, initial_seconds, factor, max_seconds } }
    }

    proptest! {
        #[test]
        fn waits_are_whole_seconds_within_the_limits(
            policy in any_policy(),
            attempt: u32,
            random in 0.0f64..1.0,
        ) {
            let delay = policy.delay(attempt, random);
            prop_assert!(delay >= Duration::from_secs(1));
            prop_assert!(delay <= Duration::from_secs(policy.max_seconds.into()));
            prop_assert_eq!(delay.subsec_nanos(), 0);
        }

        #[test]
        fn the_ceiling_never_falls(policy in any_policy(), attempt in 1u32..200) {
            prop_assert!(policy.delay(attempt + 1, 0.999) >= policy.delay(attempt, 0.999));
        }

        #[test]
        fn a_targets_wish_is_bounded(policy in any_policy(), asked: Duration) {
            prop_assume!(asked.as_secs() < u64::MAX);
            let wait = policy.clamp_retry_after(asked);
            prop_assert!(
                wait >= Duration::from_secs(1)
                    && wait <= Duration::from_secs(policy.max_seconds.into())
            );
        }
    }

    #[test]
    fn default_doubles_from_2_seconds_to_1_hour() {
        let ceilings: Vec<_> =
            (1..=13).map(|n| RetryPolicy::default().delay(n, 1.0).as_secs()).collect();
        assert_eq!(ceilings, [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600]);
    }
}
