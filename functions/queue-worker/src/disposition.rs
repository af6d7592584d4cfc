//! Disposition of messages, and the metrics of a batch.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join;
use model::{
    id::AccountId,
    job::{AttemptOutcome, CompletionTimes, Job},
    name::Name,
    time::Time,
};
use runtime::{metrics::registry, telemetry::Record};
use store::OutgoingMessage;

use crate::{Worker, message::ReceivedMessage};

/// What to do with a message, with metrics of the attempt if there was one.
#[derive(Debug)]
pub struct Handled {
    disposition: Disposition,
    metrics: Option<AttemptMetrics>,
}

#[derive(Debug)]
enum Disposition {
    /// Delete the message: nothing is left to do.
    Ack,
    /// Delete the message: it is unusable.
    Discard,
    /// Redeliver the message at this time, or when its visibility timeout ends.
    Nack(Option<Time>),
    /// Replace the message by a new one. The new message isn't in flight while it waits, and its
    /// receive count and retention start again.
    Requeue(Box<OutgoingMessage>),
}

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

impl Handled {
    const fn of(fate: Disposition) -> Self {
        Self { disposition: fate, metrics: None }
    }

    pub const fn ack() -> Self {
        Self::of(Disposition::Ack)
    }

    pub const fn discard() -> Self {
        Self::of(Disposition::Discard)
    }

    /// Redelivers the message when its visibility timeout ends.
    pub const fn nack() -> Self {
        Self::of(Disposition::Nack(None))
    }

    /// Redelivers the message at `due`, even if the batch takes longer.
    pub const fn nack_until(due: Time) -> Self {
        Self::of(Disposition::Nack(Some(due)))
    }

    /// Redelivers the message after an outage of the table. Delays start at 10 s and double up to
    /// 43 minutes. The queue allows at least 80 receives, enough for an outage of two days.
    pub fn after_outage(delivery: &ReceivedMessage, now: Time) -> Self {
        Self::nack_until(
            now + Duration::from_secs(10)
                * 2u32.pow(delivery.receive_count.saturating_sub(1).min(8)),
        )
    }

    pub fn requeue(outgoing: OutgoingMessage) -> Self {
        Self::of(Disposition::Requeue(Box::new(outgoing)))
    }

    pub fn with_metrics(self, run: AttemptMetrics) -> Self {
        Self { metrics: Some(run), ..self }
    }

    /// The job failed without a completed attempt.
    pub fn failed_abandoned(job: &Job, now: Time) -> Self {
        let took = now.since(job.run_at);
        let run = AttemptMetrics {
            account: job.account,
            kind: job.kind.clone(),
            outcome: AttemptOutcome::Failed,
            queue_wait: took,
            run_time: None,
            total_time: took,
            attempt: job.attempts,
        };
        Self::ack().with_metrics(run)
    }

    /// The replacement message.
    pub fn replacement(&self) -> Option<&OutgoingMessage> {
        match &self.disposition {
            Disposition::Requeue(outgoing) => Some(outgoing),
            _ => None,
        }
    }

    pub const fn is_nack(&self) -> bool {
        matches!(self.disposition, Disposition::Nack(_))
    }

    /// Seconds from `now` until redelivery, rounded up so that it isn't early; `None` to wait for
    /// the visibility timeout.
    pub fn visibility_timeout(&self, now: Time) -> Option<Duration> {
        let Disposition::Nack(Some(due)) = self.disposition else { return None };
        let pause = due.since(now);
        Some(Duration::from_secs(pause.as_secs() + u64::from(pause.subsec_nanos() > 0)))
    }
}

/// Time limit for writing a batch's counts. They are informative only, so messages don't wait
/// longer for them.
const METRICS_TIMEOUT: Duration = Duration::from_secs(1);

impl Worker {
    /// Publishes the metrics of a batch, one record per kind, and the throughput behind
    /// `Retry-After`.
    ///
    /// Counts are flushed here, one write per kind, since Lambda may freeze the worker after the
    /// batch. This costs a tenth of a write unit per job of a full batch. Throughput is written
    /// every ten seconds at most, since any recent batches serve as a sample.
    pub(crate) async fn publish_metrics(&self, reports: &[&Handled]) {
        let now = self.clock.now();
        let dropped = reports
            .iter()
            .filter(|report| matches!(report.disposition, Disposition::Discard))
            .count();
        if dropped > 0 {
            self.metrics.emit(&Record::new().count(&registry::DROPPED, dropped), now);
        }
        let mut by_kind = BTreeMap::<&Name, Vec<&AttemptMetrics>>::new();
        for run in reports.iter().filter_map(|report| report.metrics.as_ref()) {
            by_kind.entry(&run.kind).or_default().push(run);
            if run.outcome != AttemptOutcome::Retried {
                let took_ms = u64::try_from(run.total_time.as_millis()).unwrap_or(u64::MAX);
                self.paces.record(
                    run.account,
                    &run.kind,
                    CompletionTimes { jobs: 1, total_ms: took_ms },
                );
            }
        }
        for (kind, runs) in by_kind {
            self.metrics.emit(&record(kind, &runs), now);
        }
        let written = join(self.tallies.flush(), self.paces.flush_if_due());
        let _ = tokio::time::timeout(METRICS_TIMEOUT, written).await;
    }
}

fn record(kind: &Name, runs: &[&AttemptMetrics]) -> Record {
    let ended = |outcome| runs.iter().filter(|run| run.outcome == outcome).count();
    let attempts = |outcome| {
        runs.iter().filter(|run| run.outcome == outcome && run.run_time.is_some()).count()
    };
    // Retries are excluded: their wait is backoff, not time in the queue.
    let firsts = runs.iter().filter(|run| run.attempt == 1 && run.run_time.is_some());
    Record::new()
        .dimension("kind", kind.as_str())
        .count(&registry::COMPLETED, ended(AttemptOutcome::Completed))
        .count(&registry::FAILED, ended(AttemptOutcome::Failed))
        .count(&registry::CANCELLED, ended(AttemptOutcome::Cancelled))
        .count(&registry::RETRIED, ended(AttemptOutcome::Retried))
        .count(&registry::ATTEMPT_COMPLETED, attempts(AttemptOutcome::Completed))
        .count(&registry::ATTEMPT_FAILED, attempts(AttemptOutcome::Failed))
        .count(&registry::ATTEMPT_CANCELLED, attempts(AttemptOutcome::Cancelled))
        .durations(&registry::QUEUE_WAIT, firsts.map(|run| run.queue_wait))
        .durations(&registry::RUN_TIME, runs.iter().filter_map(|run| run.run_time))
}
