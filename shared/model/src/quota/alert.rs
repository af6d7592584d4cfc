use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Recipient, Threshold};
use crate::time::Time;

/// Backoff after the first failed mail: expires before the next minute's run.
const INITIAL_BACKOFF: Duration = Duration::from_secs(50);
const MAX_BACKOFF: Duration = Duration::from_secs(3600);
/// Maximum number of sends without a response from SES. One retry, so that the alert is not lost;
/// no more, so that it arrives at most twice.
const MAX_UNANSWERED: u32 = 2;
/// Maximum length of a stored error, in characters.
const MAX_ERROR_CHARS: usize = 300;

/// A threshold reached in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    pub threshold: Threshold,
    /// When the quota check found the threshold reached.
    pub crossed_at: Time,
    /// Bytes used at that time.
    pub used: u64,
    /// Not announced, because a higher threshold was reached at the same time or before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed_over: bool,
    /// The notification mails, one per recipient.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mails: Vec<MailDelivery>,
}

/// A mail to one recipient. Recipients have separate mails, so that a rejected one does not affect
/// the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailDelivery {
    pub to: Recipient,
    /// When SES accepted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Time>,
    pub tries: u32,
    pub next_try: Time,
    /// Error of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Number of sends without a response.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unanswered: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_none(number: &u32) -> bool {
    *number == 0
}

/// Why a mail does not count as sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailFailure {
    /// Human-readable, for an operator.
    pub why: String,
    /// Whether it may have been sent nevertheless.
    pub unanswered: bool,
}

impl MailDelivery {
    /// A mail that is due immediately.
    #[must_use]
    pub const fn new(to: Recipient, now: Time) -> Self {
        Self { to, sent_at: None, tries: 0, next_try: now, error: None, unanswered: 0 }
    }

    /// Whether it is still to be sent, now or later.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        self.sent_at.is_none() && self.unanswered < MAX_UNANSWERED
    }

    #[must_use]
    pub fn is_due(&self, now: Time) -> bool {
        self.is_pending() && self.next_try <= now
    }

    /// Records the result of a send. A failed mail is retried in the next run, then with
    /// exponential backoff of up to an hour. A mail without a response is retried only once.
    pub fn record_result(&mut self, outcome: Result<(), MailFailure>, now: Time) {
        self.tries = self.tries.saturating_add(1);
        match outcome {
            Ok(()) => (self.sent_at, self.error) = (Some(now), None),
            Err(MailFailure { why, unanswered }) => {
                self.unanswered += u32::from(unanswered);
                self.error = Some(why.chars().take(MAX_ERROR_CHARS).collect());
                self.next_try =
                    now + (INITIAL_BACKOFF * 2u32.pow(self.tries.min(8) - 1)).min(MAX_BACKOFF);
            }
        }
    }
}

impl Alert {
    /// When SES accepted the last mail; `None` while one is unsent or if there are none.
    #[must_use]
    pub fn mailed_at(&self) -> Option<Time> {
        let sent: Option<Vec<_>> = self.mails.iter().map(|mail| mail.sent_at).collect();
        sent?.into_iter().max()
    }

    /// Error of the first failed mail.
    #[must_use]
    pub fn mail_error(&self) -> Option<String> {
        self.mails
            .iter()
            .find_map(|mail| mail.error.as_ref().map(|why| format!("{}: {why}", mail.to)))
    }

    /// Replaces the recipients of unsent mails by the current `recipients`. Once all mails are
    /// sent, none are added.
    pub(super) fn set_recipients(&mut self, recipients: &[Recipient], now: Time) {
        if self.mails.iter().all(|mail| mail.sent_at.is_some()) {
            return;
        }
        self.mails.retain(|mail| mail.sent_at.is_some() || recipients.contains(&mail.to));
        for to in recipients {
            if !self.mails.iter().any(|mail| mail.to == *to) {
                self.mails.push(MailDelivery::new(to.clone(), now));
            }
        }
    }
}
