//! Disposition of messages.

use std::time::Duration;

use model::{
    job::{AttemptOutcome, Job},
    time::Time,
};
use store::OutgoingMessage;

use crate::{message::ReceivedMessage, metrics::AttemptMetrics};

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

impl Handled {
    const fn of(disposition: Disposition) -> Self {
        Self { disposition, metrics: None }
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

    pub fn with_metrics(self, metrics: AttemptMetrics) -> Self {
        Self { metrics: Some(metrics), ..self }
    }

    /// The job failed without a completed attempt.
    pub fn failed_abandoned(job: &Job, now: Time) -> Self {
        let total_time = now.since(job.run_at);
        Self::ack().with_metrics(AttemptMetrics {
            account: job.account,
            kind: job.kind.clone(),
            outcome: AttemptOutcome::Failed,
            queue_wait: total_time,
            run_time: None,
            total_time,
            attempt: job.attempts,
        })
    }

    /// The replacement message.
    pub fn replacement(&self) -> Option<&OutgoingMessage> {
        match &self.disposition {
            Disposition::Requeue(outgoing) => Some(outgoing),
            _ => None,
        }
    }

    pub const fn metrics(&self) -> Option<&AttemptMetrics> {
        self.metrics.as_ref()
    }

    pub const fn is_discarded(&self) -> bool {
        matches!(self.disposition, Disposition::Discard)
    }

    pub const fn is_nack(&self) -> bool {
        matches!(self.disposition, Disposition::Nack(_))
    }

    /// Seconds from `now` until redelivery, rounded up so that it isn't early; `None` to wait for
    /// the visibility timeout.
    pub fn visibility_timeout(&self, now: Time) -> Option<Duration> {
        let Disposition::Nack(Some(due)) = self.disposition else { return None };
        let delay = due.since(now);
        Some(Duration::from_secs(delay.as_secs() + u64::from(delay.subsec_nanos() > 0)))
    }
}
