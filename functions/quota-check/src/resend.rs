//! Messages of overdue jobs, sent again.

use shared::{
    aws::{Error, Outgoing},
    job::{JobMessage, Message},
    metrics::registry,
    telemetry::Record,
    time::Time,
};

use crate::Checker;

/// How many messages are on their way to SQS at once: ten calls, as many connections as a small
/// function opens in good time.
const SENT_AT_ONCE: usize = 100;

/// How many of some messages were sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) sent: usize,
    wanted: usize,
}

impl Sent {
    /// From what became of each.
    pub(crate) fn of(outcomes: &[bool]) -> Self {
        Self { sent: outcomes.iter().filter(|is_sent| **is_sent).count(), wanted: outcomes.len() }
    }

    /// # Errors
    /// When some were not sent.
    pub(crate) fn all(self) -> Result<Self, Error> {
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
    /// Sends `messages` for some of `overdue` jobs, and records both numbers.
    pub(crate) async fn resend(&self, overdue: usize, messages: &[JobMessage], now: Time) -> Sent {
        let sent = self.send(messages).await;
        let record =
            Record::new().count(&registry::OVERDUE, overdue).count(&registry::PERMITTED, sent);
        self.metrics.emit(&record, now);
        Sent { sent, wanted: messages.len() }
    }

    /// How many of the messages were sent. None is sent after a failure, since the next run is a
    /// minute away.
    async fn send(&self, messages: &[JobMessage]) -> usize {
        let outgoing: Vec<_> =
            messages.iter().map(|job| Outgoing::now(Message::Job(job.clone()), None)).collect();
        let mut sent = 0;
        for chunk in outgoing.chunks(SENT_AT_ONCE) {
            let part = Sent::of(&self.queue.send_all(chunk, self.clock.now()).await);
            sent += part.sent;
            if part.all().is_err() {
                break;
            }
        }
        sent
    }
}
