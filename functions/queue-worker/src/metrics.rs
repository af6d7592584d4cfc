//! Metrics of a batch and its attempts.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join;
use model::{
    id::AccountId,
    job::{AttemptOutcome, CompletionTimes},
    name::Name,
};
use runtime::{metrics::registry, telemetry::Record};

use crate::Worker;

/// Time limit for writing a batch's counts. They are informative only, so messages don't wait
/// longer for them.
const METRICS_TIMEOUT: Duration = Duration::from_secs(1);

/// Metrics of one attempt.
#[derive(Debug)]
pub struct AttemptMetrics {
    pub account: AccountId,
    pub kind: Name,
    pub outcome: AttemptOutcome,
    /// Time from due to the start of the attempt.
    pub queue_wait: Duration,
    /// Duration of the attempt; `None` if it is unknown, because the worker crashed.
    pub run_time: Option<Duration>,
    /// Time from due to the end of the attempt.
    pub total_time: Duration,
    /// Attempt number, starting at 1.
    pub attempt: u32,
}

/// Publishes the metrics of a batch, one record per kind, and the throughput behind
/// `Retry-After`.
///
/// Counts are flushed here, one write per kind, since Lambda may freeze the worker after the
/// batch. This costs a tenth of a write unit per job of a full batch. Throughput is written
/// every ten seconds at most, since any recent batches serve as a sample.
pub async fn publish(worker: &Worker, discarded: usize, attempts: &[&AttemptMetrics]) {
    let now = worker.clock.now();
    if discarded > 0 {
        worker.metrics.emit(&Record::new().count(&registry::DROPPED, discarded), now);
    }
    let mut by_kind = BTreeMap::<&Name, Vec<&AttemptMetrics>>::new();
    for &attempt in attempts {
        by_kind.entry(&attempt.kind).or_default().push(attempt);
        if attempt.outcome != AttemptOutcome::Retried {
            let total_ms = u64::try_from(attempt.total_time.as_millis()).unwrap_or(u64::MAX);
            worker.completion_times.record(
                attempt.account,
                &attempt.kind,
                CompletionTimes { jobs: 1, total_ms },
            );
        }
    }
    for (kind, attempts) in by_kind {
        worker.metrics.emit(&record(kind, &attempts), now);
    }
    let flushed = join(worker.tallies.flush(), worker.completion_times.flush_if_due());
    let _ = tokio::time::timeout(METRICS_TIMEOUT, flushed).await;
}

fn record(kind: &Name, attempts: &[&AttemptMetrics]) -> Record {
    let ended = |outcome| attempts.iter().filter(|attempt| attempt.outcome == outcome).count();
    // Without those whose worker crashed.
    let timed = || attempts.iter().filter(|attempt| attempt.run_time.is_some());
    let count = |outcome| timed().filter(|attempt| attempt.outcome == outcome).count();
    // Retries are excluded: their wait is backoff, not time in the queue.
    let first_attempts = timed().filter(|attempt| attempt.attempt == 1);
    Record::new()
        .dimension("kind", kind.as_str())
        .count(&registry::COMPLETED, ended(AttemptOutcome::Completed))
        .count(&registry::FAILED, ended(AttemptOutcome::Failed))
        .count(&registry::CANCELLED, ended(AttemptOutcome::Cancelled))
        .count(&registry::RETRIED, ended(AttemptOutcome::Retried))
        .count(&registry::ATTEMPT_COMPLETED, count(AttemptOutcome::Completed))
        .count(&registry::ATTEMPT_FAILED, count(AttemptOutcome::Failed))
        .count(&registry::ATTEMPT_CANCELLED, count(AttemptOutcome::Cancelled))
        .durations(&registry::QUEUE_WAIT, first_attempts.map(|attempt| attempt.queue_wait))
        .durations(&registry::RUN_TIME, attempts.iter().filter_map(|attempt| attempt.run_time))
}
