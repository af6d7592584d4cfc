//! How far workers spread out over a ready queue.

use std::{collections::HashSet, time::Duration};

use model::{id::JobId, time::Time};

/// How long a worker expects contention after it met another worker, and for how long running jobs
/// count as in flight.
const CONTENTION_WINDOW: Duration = Duration::from_secs(1);
/// Upper limit of the number of batch-sized portions that workers spread out over.
const MAX_PORTIONS: usize = 64;
/// Lower limit of the number of portions to read: the batch needs one, the others are spare for
/// lost claims.
const MIN_PORTIONS: usize = 4;

/// Contention with other workers on the same ready queue.
#[derive(Clone, Copy, Debug)]
pub struct Contention {
    /// When another worker last won a claim.
    lost_claim_at: Time,
    /// The highest recent number of running jobs, and when it was read.
    running: (Time, usize),
}

impl Default for Contention {
    fn default() -> Self {
        let never = Time::from_millis(0);
        Self { lost_claim_at: never, running: (never, 0) }
    }
}

impl Contention {
    /// Records that `running` jobs run at `now`.
    pub fn with_running(self, running: usize, now: Time) -> Self {
        let is_highest = running >= self.running.1 || now.since(self.running.0) > CONTENTION_WINDOW;
        Self { running: if is_highest { (now, running) } else { self.running }, ..self }
    }

    /// Records that another worker won a claim at `now`.
    pub fn with_lost_claim(self, now: Time) -> Self {
        Self { lost_claim_at: now, ..self }
    }

    /// Number of batch-sized portions in flight: one for this worker, the others for the running
    /// jobs.
    fn portions(self, batch: usize, now: Time) -> usize {
        let running =
            if now.since(self.running.0) > CONTENTION_WINDOW { 0 } else { self.running.1 };
        (1 + running.div_ceil(batch)).min(MAX_PORTIONS)
    }

    /// Number of portions that workers spread out over: three quarters of those in flight. A worker
    /// may also skip a job while it waits for the response to another claim. Spreading over all
    /// portions would therefore exceed the order bound.
    pub fn spread(self, batch: usize, now: Time) -> usize {
        if now.since(self.lost_claim_at) > CONTENTION_WINDOW {
            1
        } else {
            (3 * self.portions(batch, now)).div_ceil(4)
        }
    }

    /// Number of jobs to read for a batch.
    pub fn look_ahead(self, batch: usize, now: Time) -> usize {
        batch * MIN_PORTIONS.max(1 + self.portions(batch, now))
    }
}

/// Orders jobs: those skipped before, then the portion number `portion`, then the rest.
pub fn spread_out(
    jobs: Vec<JobId>,
    skipped: &HashSet<JobId>,
    permits: usize,
    portion: usize,
) -> Vec<JobId> {
    let (mut order, mut others): (Vec<_>, Vec<_>) =
        jobs.into_iter().partition(|job| skipped.contains(job));
    let wanted = permits.saturating_sub(order.len()).min(others.len());
    let begin = (portion * permits).min(others.len() - wanted);
    order.extend(others.drain(begin..begin + wanted));
    order.append(&mut others);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_millis(1_000_000);

    #[test]
    fn in_flight_is_the_recent_maximum() {
        let contention =
            Contention::default().with_running(30, NOW).with_running(5, NOW + CONTENTION_WINDOW);
        assert_eq!(
            (
                contention.portions(10, NOW + CONTENTION_WINDOW),
                contention.spread(10, NOW + CONTENTION_WINDOW)
            ),
            (4, 1)
        );
        let later = NOW + CONTENTION_WINDOW + Duration::from_millis(1);
        assert_eq!(contention.with_running(5, later).portions(10, later), 2);
        assert_eq!(contention.portions(10, later + CONTENTION_WINDOW), 1);
    }
}
