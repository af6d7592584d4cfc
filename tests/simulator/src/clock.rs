//! Wall clock on top of tokio's clock.

use aws_smithy_async::time::TimeSource;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Default start of every simulation: 2026-11-20T16:00:00Z, in milliseconds.
pub const START_MS: i64 = 1_795_190_400_000;

/// A wall clock that advances with tokio's clock and stops while that is paused.
///
/// Copies share the same time.
#[derive(Clone, Copy, Debug)]
pub struct SimClock {
    epoch_ms: i64,
    started: Instant,
}

impl SimClock {
    /// A clock that shows `epoch_ms` (milliseconds since 1970) now.
    pub fn new(epoch_ms: i64) -> Self {
        Self { epoch_ms, started: Instant::now() }
    }

    /// Milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.epoch_ms + i64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    /// The same clock on a machine that is `by_ms` ahead, or behind if negative.
    pub fn skewed(self, by_ms: i64) -> Self {
        Self { epoch_ms: self.epoch_ms + by_ms, ..self }
    }

    fn since_1970(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now_ms()).unwrap())
    }
}

impl TimeSource for SimClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + self.since_1970()
    }
}

impl dynoxide::storage_backend::Clock for SimClock {
    fn now_unix_secs(&self) -> u64 {
        self.since_1970().as_secs()
    }

    fn now_unix_secs_f64(&self) -> f64 {
        self.since_1970().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn advances_only_with_tokio() {
        let clock = SimClock::new(START_MS);
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(clock.now_ms(), START_MS);

        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(clock.now_ms(), START_MS + 3_600_000);
        assert_eq!(clock.skewed(-2_000).now_ms(), clock.now_ms() - 2_000);
    }
}
