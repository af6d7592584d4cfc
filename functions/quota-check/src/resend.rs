//! Resends messages of overdue jobs.

use model::{
    job::{JobMessage, Message},
    time::Time,
};
use runtime::{metrics::registry, telemetry::Record};
use store::{Error, OutgoingMessage};

use crate::Checker;

/// Messages sent to SQS concurrently: ten calls, as many connections as a small function opens
/// quickly.
const SENT_AT_ONCE: usize = 100;

#[derive(Clone, Copy, Debug)]
pub(crate) struct SendCount {
    pub(crate) sent: usize,
    wanted: usize,
}

impl SendCount {
    pub(crate) fn of(outcomes: &[bool]) -> Self {
        Self { sent: outcomes.iter().filter(|is_sent| **is_sent).count(), wanted: outcomes.len() }
    }

    /// # Errors
    ///
    /// When some were not sent.
    pub(crate) fn require_all(self) -> Result<Self, Error> {
        let Self { sent, wanted } = self;
        if sent < wanted {
            return Err(Error::Unavailable(format!(
                "{} of {wanted} messages were not sent",
                wanted - sent
            )));
        }
        Ok(self)
    }
}

impl Checker {
    /// Sends `messages` for some of the `overdue` jobs and records both numbers.
    pub(crate) async fn resend(
        &self,
        overdue: usize,
        messages: &[JobMessage],
        now: Time,
    ) -> SendCount {
        let sent = self.send(messages).await;
        let record = Record::new()
            .count(&registry::OVERDUE, overdue)
            .count(&registry::MESSAGES_RESENT, sent);
        self.metrics.emit(&record, now);
        SendCount { sent, wanted: messages.len() }
    }

    /// Returns the number of messages sent. Stops after a failure, since the next run follows in a
    /// minute.
    async fn send(&self, messages: &[JobMessage]) -> usize {
        let outgoing: Vec<_> = messages
            .iter()
            .map(|job| OutgoingMessage::immediate(Message::Job(job.clone()), None))
            .collect();
        let mut sent = 0;
        for chunk in outgoing.chunks(SENT_AT_ONCE) {
            let part = SendCount::of(&self.queue.send_all(chunk, self.clock.now()).await);
            sent += part.sent;
            if part.require_all().is_err() {
                break;
            }
        }
        sent
    }
}
