//! Disposition of messages, and the metrics of a batch.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join;
use shared::{
    aws::Outgoing,
    id::AccountId,
    job::{AttemptOutcome, Job, Pace},
    metrics::registry,
    name::Name,
    telemetry::Record,
    time::Time,
};

use crate::{Worker, record::Delivery};

/// What to do with a message, with metrics of the attempt if there was one.
#[derive(Debug)]
pub struct Report {
    fate: Fate,
    run: Option<Run>,
}

#[derive(Debug)]
enum Fate {
    /// Delete the message: nothing is left to do.
    Done,
    /// Delete the message: it is unusable.
    Dropped,
    /// Redeliver the message at this time, or when its visibility timeout ends.
    Back(Option<Time>),
    /// Replace the message by a new one. The new message isn't in flight while it waits, and its
    /// receive count and retention start again.
    Sends(Box<Outgoing>),
}

/// Metrics of one attempt.
#[derive(Debug)]
pub struct Run {
    pub account: AccountId,
    pub kind: Name,
    pub outcome: AttemptOutcome,
    /// Time from due to the start of the attempt.
    pub waited: Duration,
    /// Duration of the attempt; `None` if it is unknown, because the worker crashed.
    pub ran: Option<Duration>,
    /// Time from due to the end of the attempt.
    pub took: Duration,
    /// Attempt number, starting at 1.
    pub attempt: u32,
}

impl Report {
    const fn of(fate: Fate) -> Self {
        Self { fate, run: None }
    }

    pub const fn done() -> Self {
        Self::of(Fate::Done)
    }

    pub const fn dropped() -> Self {
        Self::of(Fate::Dropped)
    }

    /// Redelivers the message when its visibility timeout ends.
    pub const fn back() -> Self {
        Self::of(Fate::Back(None))
    }

    /// Redelivers the message at `due`, even if the batch takes longer.
    pub const fn back_at(due: Time) -> Self {
        Self::of(Fate::Back(Some(due)))
    }

    /// Redelivers the message after an outage of the table. Delays start at 10 s and double up to
    /// 43 minutes. The queue allows at least 80 receives, enough for an outage of two days.
    pub fn after_outage(delivery: &Delivery, now: Time) -> Self {
        Self::back_at(
            now + Duration::from_secs(10) * 2u32.pow(delivery.count.saturating_sub(1).min(8)),
        )
    }

    pub fn sends(outgoing: Outgoing) -> Self {
        Self::of(Fate::Sends(Box::new(outgoing)))
    }

    pub fn ran(self, run: Run) -> Self {
        Self { run: Some(run), ..self }
    }

    /// The job failed without a completed attempt.
    pub fn given_up(job: &Job, now: Time) -> Self {
        let took = now.since(job.run_at);
        let run = Run {
            account: job.account,
            kind: job.kind.clone(),
            outcome: AttemptOutcome::Failed,
            waited: took,
            ran: None,
            took,
            attempt: job.attempts,
        };
        Self::done().ran(run)
    }

    /// The replacement message.
    pub fn outgoing(&self) -> Option<&Outgoing> {
        match &self.fate {
            Fate::Sends(outgoing) => Some(outgoing),
            _ => None,
        }
    }

    pub const fn comes_back(&self) -> bool {
        matches!(self.fate, Fate::Back(_))
    }

    /// Seconds from `now` until redelivery, rounded up so that it isn't early; `None` to wait for
    /// the visibility timeout.
    pub fn back_after(&self, now: Time) -> Option<Duration> {
        let Fate::Back(Some(due)) = self.fate else { return None };
        let pause = due.since(now);
        Some(Duration::from_secs(pause.as_secs() + u64::from(pause.subsec_nanos() > 0)))
    }
}

/// Time limit for writing a batch's counts. They are informative only, so messages don't wait
/// longer for them.
const TELLING: Duration = Duration::from_secs(1);

impl Worker {
    /// Publishes the metrics of a batch, one record per kind, and the throughput behind
    /// `Retry-After`.
    ///
    /// Counts are flushed here, one write per kind, since Lambda may freeze the worker after the
    /// batch. This costs a tenth of a write unit per job of a full batch. Throughput is written
    /// every ten seconds at most, since any recent batches serve as a sample.
    pub(crate) async fn tell(&self, reports: &[&Report]) {
        let now = self.clock.now();
        let dropped = reports.iter().filter(|report| matches!(report.fate, Fate::Dropped)).count();
        if dropped > 0 {
            self.metrics.emit(&Record::new().count(&registry::DROPPED, dropped), now);
        }
        let mut by_kind = BTreeMap::<&Name, Vec<&Run>>::new();
        for run in reports.iter().filter_map(|report| report.run.as_ref()) {
            by_kind.entry(&run.kind).or_default().push(run);
            if run.outcome != AttemptOutcome::Retried {
                let took_ms = u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX);
                self.paces.note(run.account, &run.kind, Pace { jobs: 1, took_ms });
            }
        }
        for (kind, runs) in by_kind {
            self.metrics.emit(&record(kind, &runs), now);
        }
        let written = join(self.tallies.flush(), self.paces.flush_if_due());
        let _ = tokio::time::timeout(TELLING, written).await;
    }
}

fn record(kind: &Name, runs: &[&Run]) -> Record {
    let ended = |outcome| runs.iter().filter(|run| run.outcome == outcome).count();
    let attempts =
        |outcome| runs.iter().filter(|run| run.outcome == outcome && run.ran.is_some()).count();
    // Retries are excluded: their wait is backoff, not time in the queue.
    let firsts = runs.iter().filter(|run| run.attempt == 1 && run.ran.is_some());
    Record::new()
        .dimension("kind", kind.as_str())
        .count(&registry::COMPLETED, ended(AttemptOutcome::Completed))
        .count(&registry::FAILED, ended(AttemptOutcome::Failed))
        .count(&registry::CANCELLED, ended(AttemptOutcome::Cancelled))
        .count(&registry::RETRIED, ended(AttemptOutcome::Retried))
        .count(&registry::ATTEMPT_COMPLETED, attempts(AttemptOutcome::Completed))
        .count(&registry::ATTEMPT_FAILED, attempts(AttemptOutcome::Failed))
        .count(&registry::ATTEMPT_CANCELLED, attempts(AttemptOutcome::Cancelled))
        .durations(&registry::QUEUE_WAIT, firsts.map(|run| run.waited))
        .durations(&registry::RUN_TIME, runs.iter().filter_map(|run| run.ran))
}
