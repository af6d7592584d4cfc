//! Resends messages of overdue jobs.

use model::{
    job::{JobMessage, Message},
    time::Time,
};
use runtime::{metrics::registry, telemetry::Record};
use store::{Error, OutgoingMessage};

use crate::jobs::Jobs;

/// Messages sent to SQS concurrently: ten calls, as many connections as a small function opens
/// quickly.
const MAX_CONCURRENT: usize = 100;

#[derive(Clone, Copy, Debug)]
pub struct SendCount {
    pub sent: usize,
    requested: usize,
}

impl SendCount {
    pub fn of(results: &[bool]) -> Self {
        Self { sent: results.iter().filter(|is_sent| **is_sent).count(), requested: results.len() }
    }

    /// # Errors
    ///
    /// When some were not sent.
    pub fn require_all(self) -> Result<Self, Error> {
        let Self { sent, requested } = self;
        if sent < requested {
            return Err(Error::Unavailable(format!(
                "{} of {requested} messages were not sent",
                requested - sent
            )));
        }
        Ok(self)
    }
}

/// Sends `messages` for some of the `overdue` jobs and records both numbers.
pub async fn resend(jobs: &Jobs, overdue: usize, messages: &[JobMessage], now: Time) -> SendCount {
    let sent = send(jobs, messages).await;
    let record =
        Record::new().count(&registry::OVERDUE, overdue).count(&registry::MESSAGES_RESENT, sent);
    jobs.metrics.emit(&record, now);
    SendCount { sent, requested: messages.len() }
}

/// Returns the number of messages sent. Stops after a failure, since the next run follows in a
/// minute.
async fn send(jobs: &Jobs, messages: &[JobMessage]) -> usize {
    let outgoing: Vec<_> = messages
        .iter()
        .map(|job| OutgoingMessage::immediate(Message::Job(job.clone()), None))
        .collect();
    let mut sent = 0;
    for chunk in outgoing.chunks(MAX_CONCURRENT) {
        let count = SendCount::of(&jobs.queue.send_all(chunk, jobs.clock.now()).await);
        sent += count.sent;
        if count.require_all().is_err() {
            break;
        }
    }
    sent
}
