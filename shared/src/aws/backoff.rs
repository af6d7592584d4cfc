use std::time::Duration;

use tokio::time::Instant;

/// The ceiling of the first wait; each further one is twice as high.
const FIRST: Duration = Duration::from_millis(50);
/// How often a batch is called again: the last ceiling is 1.6 s, and all of them are 3.15 s.
const RETRIES: u32 = 6;
/// No retry begins later than this after the first call. Calls take up to 4 s each, and a request
/// has to be answered within the 10 s of `submit`'s time-out.
const BUDGET: Duration = Duration::from_secs(2);

/// Waits between the calls of a batch of which `DynamoDB` leaves a part unprocessed: exponential
/// backoff with full jitter, as AWS asks for
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
///
/// The SDK retries calls that fail; one that did a part of its work has not failed.
#[derive(Debug)]
pub(super) struct Backoff {
    began: Instant,
    retries: u32,
}

impl Backoff {
    /// From before the first call.
    pub fn start() -> Self {
        Self { began: Instant::now(), retries: 0 }
    }

    /// Waits before the next call; `false` at once where there is to be none.
    pub async fn retry(&mut self) -> bool {
        let pause = pause(self.retries, self.began.elapsed(), rand::random());
        let Some(pause) = pause else { return false };
        self.retries += 1;
        tokio::time::sleep(pause).await;
        true
    }
}

/// How long to wait after so many retries in so much time, by a chance from 0 to 1.
fn pause(retries: u32, elapsed: Duration, chance: f64) -> Option<Duration> {
    let pause = (FIRST * 2u32.pow(retries.min(RETRIES))).mul_f64(chance);
    (retries < RETRIES && elapsed + pause <= BUDGET).then_some(pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceilings_double_and_both_bounds_hold() {
        let ceilings: Vec<_> = (0..).map_while(|n| pause(n, Duration::ZERO, 1.0)).collect();
        assert_eq!(ceilings, [50, 100, 200, 400, 800, 1600].map(Duration::from_millis));
        assert_eq!(pause(0, Duration::ZERO, 0.5), Some(FIRST / 2));
        assert_eq!(pause(3, BUDGET - Duration::from_millis(100), 0.5), None);
        assert_eq!(pause(0, BUDGET + FIRST, 0.0), None);
    }
}
