use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Alert, Delivery, Period, Recipient, Threshold};
use crate::time::Time;

/// For how long after a period's end mails about it may still be sent. Who is told later has seen the next period's figures.
const TOLD_LATE: Duration = Duration::from_secs(24 * 3600);

/// What was used in one period, and what is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The period.
    pub period: Period,
    /// The limit when it was last looked at.
    pub limit_bytes: u64,
    /// What was used since the period began. It never falls.
    pub used: u64,
    /// What was used in each of the period's bars ([`PeriodLength::bars`](super::PeriodLength::bars)), as far as somebody looked; what was
    /// used before the first look is in none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<u64>,
    /// The thresholds that are reached, the lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
}

/// A mail that is to be sent: of which period, about what, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// The period, which may be over.
    pub period: Period,
    /// Which threshold was reached in it.
    pub threshold: Threshold,
    /// Who is told.
    pub to: Recipient,
}

impl Tally {
    /// At the beginning of a period.
    #[must_use]
    pub const fn new(period: Period, limit_bytes: u64) -> Self {
        Self { period, limit_bytes, used: 0, bars: Vec::new(), alerts: Vec::new() }
    }

    /// The alert of a threshold, if that is reached.
    #[must_use]
    pub fn alert(&self, threshold: Threshold) -> Option<&Alert> {
        self.alerts.iter().find(|alert| alert.threshold == threshold)
    }

    /// Each recipient's mail of each threshold.
    pub fn mails(&self) -> impl Iterator<Item = &Delivery> {
        self.alerts.iter().flat_map(|alert| &alert.mails)
    }

    /// Whether a mail is still to be sent, now or later.
    #[must_use]
    pub fn waits(&self, now: Time) -> bool {
        now < self.period.end + TOLD_LATE && self.mails().any(Delivery::waits)
    }

    /// The first mail that is due.
    pub(super) fn errand(&self, now: Time) -> Option<Errand> {
        self.alerts.iter().find_map(|alert| {
            let mail = alert.mails.iter().find(|mail| mail.is_due(now))?;
            Some(Errand { period: self.period, threshold: alert.threshold, to: mail.to.clone() })
        })
    }

    pub(super) fn delivery(&mut self, errand: &Errand) -> Option<&mut Delivery> {
        let alert = self.alerts.iter_mut().find(|alert| alert.threshold == errand.threshold)?;
        alert.mails.iter_mut().find(|mail| mail.to == errand.to)
    }

    /// What isn't sent yet goes to who is to get mails by now.
    pub(super) fn redirect(&mut self, recipients: &[Recipient], now: Time) {
        self.alerts.iter_mut().for_each(|alert| alert.redirect(recipients, now));
    }
}
