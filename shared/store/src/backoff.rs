use std::time::Duration;

use tokio::time::Instant;

/// Upper bound of the first wait; it doubles with each retry.
const FIRST: Duration = Duration::from_millis(50);
/// Maximum retries. The last upper bound is 1.6 s; their sum is 3.15 s.
const RETRIES: u32 = 6;
/// No retry starts later than this after the first call. A call takes up to 4 s, and `submit` must
/// respond within its 10 s timeout.
const BUDGET: Duration = Duration::from_secs(2);

/// Waits between batch calls of which DynamoDB left a part unprocessed: exponential backoff with
/// full jitter, as AWS recommends
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
///
/// The SDK retries only failed calls; a partially processed batch is not a failure.
#[derive(Debug)]
pub(super) struct Backoff {
    began: Instant,
    retries: u32,
}

impl Backoff {
    /// Call it before the first batch call.
    pub fn start() -> Self {
        Self { began: Instant::now(), retries: 0 }
    }

    /// Waits before the next call. Returns `false` without waiting if no retries are left.
    pub async fn retry(&mut self) -> bool {
        let pause = pause(self.retries, self.began.elapsed(), rand::random());
        let Some(pause) = pause else { return false };
        self.retries += 1;
        tokio::time::sleep(pause).await;
        true
    }
}

/// Wait before the next retry; `chance` is a random number from 0 to 1.
fn pause(retries: u32, elapsed: Duration, chance: f64) -> Option<Duration> {
    let pause = (FIRST * 2u32.pow(retries.min(RETRIES))).mul_f64(chance);
    (retries < RETRIES && elapsed + pause <= BUDGET).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_within_retry_and_time_limits() {
        let ceilings: Vec<_> = (0..).map_while(|n| pause(n, Duration::ZERO, 1.0)).collect();
        assert_eq!(ceilings, [50, 100, 200, 400, 800, 1600].map(Duration::from_millis));
        assert_eq!(pause(0, Duration::ZERO, 0.5), Some(FIRST / 2));
        assert_eq!(pause(3, BUDGET - Duration::from_millis(100), 0.5), None);
        assert_eq!(pause(0, BUDGET + FIRST, 0.0), None);
    }
}
