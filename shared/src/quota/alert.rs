use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Recipient, Threshold};
use crate::time::Time;

/// The first pause after a mail that failed: by the next minute's run it is over.
const FIRST_PAUSE: Duration = Duration::from_secs(50);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// How often a mail is sent of which nobody knows whether it was taken: it is told for certain, and not more than twice.
const MOST_UNANSWERED: u32 = 2;
/// How much of a reason is kept, in characters.
const LONGEST_REASON: usize = 300;

/// A threshold that was reached in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// Which.
    pub threshold: Threshold,
    /// When that was seen.
    pub crossed_at: Time,
    /// How much was used then.
    pub used: u64,
    /// Whether a higher one was reached at the same time, which alone is told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passed_over: bool,
    /// The mails that tell of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mails: Vec<Delivery>,
}

/// A mail to one recipient: one that is refused must not keep the others from theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Who gets it.
    pub to: Recipient,
    /// When SES took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Time>,
    /// How often it was tried.
    pub tries: u32,
    /// When to try next.
    pub next_try: Time,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How often it was sent, and nothing came back.
    #[serde(default, skip_serializing_if = "is_none")]
    pub unanswered: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_none(number: &u32) -> bool {
    *number == 0
}

/// Why a mail can't be taken for sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotTaken {
    /// In words for whoever can do something about it.
    pub why: String,
    /// Whether it may have been sent all the same.
    pub unanswered: bool,
}

impl Delivery {
    /// A mail to be sent at once.
    #[must_use]
    pub const fn new(to: Recipient, now: Time) -> Self {
        Self { to, sent_at: None, tries: 0, next_try: now, error: None, unanswered: 0 }
    }

    /// Whether it is to be sent, now or later.
    #[must_use]
    pub const fn waits(&self) -> bool {
        self.sent_at.is_none() && self.unanswered < MOST_UNANSWERED
    }

    /// Whether it is to be sent now.
    #[must_use]
    pub fn is_due(&self, now: Time) -> bool {
        self.waits() && self.next_try <= now
    }

    /// What came of sending it. One that failed is tried again with the next run, and then with pauses that double, up to an hour; but one to
    /// which nothing was answered once more, and no further.
    pub fn tried(&mut self, outcome: Result<(), NotTaken>, now: Time) {
        self.tries = self.tries.saturating_add(1);
        match outcome {
            Ok(()) => (self.sent_at, self.error) = (Some(now), None),
            Err(NotTaken { why, unanswered }) => {
                self.unanswered += u32::from(unanswered);
                self.error = Some(why.chars().take(LONGEST_REASON).collect());
                self.next_try =
                    now + (FIRST_PAUSE * 2u32.pow(self.tries.min(8) - 1)).min(LONGEST_PAUSE);
            }
        }
    }
}

impl Alert {
    /// When the last of its mails was taken; none while one is missing, or where there are none.
    #[must_use]
    pub fn mailed_at(&self) -> Option<Time> {
        let sent: Option<Vec<_>> = self.mails.iter().map(|mail| mail.sent_at).collect();
        sent?.into_iter().max()
    }

    /// Why a mail is missing, of the first that is.
    #[must_use]
    pub fn mail_error(&self) -> Option<String> {
        self.mails
            .iter()
            .find_map(|mail| mail.error.as_ref().map(|why| format!("{}: {why}", mail.to)))
    }

    /// What isn't sent yet goes to who is to get mails by now. Nobody gets one of an alert that all others have.
    pub(super) fn redirect(&mut self, recipients: &[Recipient], now: Time) {
        if self.mails.iter().all(|mail| mail.sent_at.is_some()) {
            return;
        }
        self.mails.retain(|mail| mail.sent_at.is_some() || recipients.contains(&mail.to));
        for to in recipients {
            if !self.mails.iter().any(|mail| mail.to == *to) {
                self.mails.push(Delivery::new(to.clone(), now));
            }
        }
    }
}
