//! What came of a message, and what metrics tell of a batch.

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

/// What came of a message.
#[derive(Debug)]
pub struct Report {
    fate: Fate,
    run: Option<Run>,
}

#[derive(Debug)]
enum Fate {
    /// Nothing is left to do.
    Done,
    /// It was of no use.
    Dropped,
    /// It comes back, then or when its visibility ends.
    Back(Option<Time>),
    /// Another takes its place: a new one, which waits outside of what is in flight and is counted and kept from anew.
    Sends(Box<Outgoing>),
}

/// What an attempt was.
#[derive(Debug)]
pub struct Run {
    /// Whose job it was.
    pub account: AccountId,
    /// Of which kind.
    pub kind: Name,
    /// What became of it.
    pub outcome: AttemptOutcome,
    /// How long the job had been due when it began.
    pub waited: Duration,
    /// How long the attempt took; none: nobody knows, since its worker didn't come back.
    pub ran: Option<Duration>,
    /// How long the job took since it was due.
    pub took: Duration,
    /// Its number.
    pub attempt: u32,
}

impl Report {
    const fn of(fate: Fate) -> Self {
        Self { fate, run: None }
    }

    /// Nothing was left to do.
    pub const fn done() -> Self {
        Self::of(Fate::Done)
    }

    /// The message was of no use.
    pub const fn dropped() -> Self {
        Self::of(Fate::Dropped)
    }

    /// The message comes back when its visibility ends.
    pub const fn back() -> Self {
        Self::of(Fate::Back(None))
    }

    /// The message comes back at `due`, whenever the batch is done.
    pub const fn back_at(due: Time) -> Self {
        Self::of(Fate::Back(Some(due)))
    }

    /// The message comes back because the table didn't answer: after pauses from 10 s that double, up to 43 minutes. The 80 receives that the
    /// queue allows at least then outlast an outage of two days.
    pub fn after_outage(delivery: &Delivery, now: Time) -> Self {
        Self::back_at(
            now + Duration::from_secs(10) * 2u32.pow(delivery.count.saturating_sub(1).min(8)),
        )
    }

    /// Another message takes its place.
    pub fn sends(outgoing: Outgoing) -> Self {
        Self::of(Fate::Sends(Box::new(outgoing)))
    }

    /// The same, of an attempt that ended.
    pub fn ran(self, run: Run) -> Self {
        Self { run: Some(run), ..self }
    }

    /// The job failed without an attempt that ended.
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

    /// The message that takes its place.
    pub fn outgoing(&self) -> Option<&Outgoing> {
        match &self.fate {
            Fate::Sends(outgoing) => Some(outgoing),
            _ => None,
        }
    }

    /// Whether the message has to come back.
    pub const fn comes_back(&self) -> bool {
        matches!(self.fate, Fate::Back(_))
    }

    /// After how long from `now` on, if not when its visibility ends. In SQS's whole seconds, rounded up so that it isn't early.
    pub fn back_after(&self, now: Time) -> Option<Duration> {
        let Fate::Back(Some(due)) = self.fate else { return None };
        let pause = due.since(now);
        Some(Duration::from_secs(pause.as_secs() + u64::from(pause.subsec_nanos() > 0)))
    }
}

/// For how long a batch waits until what it counted is written: that is for show, and its messages are not.
const TELLING: Duration = Duration::from_secs(1);

impl Worker {
    /// Tells metrics of a batch, a line for each kind, and the paces behind `Retry-After`.
    ///
    /// Counts are flushed here, a write for each kind, since the worker may be frozen as soon as its batch is over. That
    /// costs a tenth of a write unit for each job of a full batch. Paces, for which the last batches are as good as any,
    /// are written every ten seconds at most.
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
    // A retry didn't wait in the queue: it was told to.
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
