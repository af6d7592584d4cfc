use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Alert, Delivery, Period, Recipient, Threshold};
use crate::time::Time;

/// How long after a period's end its mails are still sent. Later ones would be outdated by the next
/// period's usage.
const TOLD_LATE: Duration = Duration::from_secs(24 * 3600);

/// Usage and alerts of one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub period: Period,
    /// The limit at the last evaluation.
    pub limit_bytes: u64,
    /// Bytes used since the period started. It never decreases.
    pub used: u64,
    /// Bytes used in each chart interval of the period
    /// ([`PeriodLength::bars`](super::PeriodLength::bars)), attributed to the time of evaluation.
    /// Usage before the first evaluation is in none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<u64>,
    /// Alerts of the reached thresholds, lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
}

/// Identifies a pending mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// The period, which may have ended.
    pub period: Period,
    pub threshold: Threshold,
    pub to: Recipient,
}

impl Tally {
    /// At the start of a period.
    #[must_use]
    pub const fn new(period: Period, limit_bytes: u64) -> Self {
        Self { period, limit_bytes, used: 0, bars: Vec::new(), alerts: Vec::new() }
    }

    /// The alert of a threshold, if that is reached.
    #[must_use]
    pub fn alert(&self, threshold: Threshold) -> Option<&Alert> {
        self.alerts.iter().find(|alert| alert.threshold == threshold)
    }

    /// The mails of all alerts.
    pub fn mails(&self) -> impl Iterator<Item = &Delivery> {
        self.alerts.iter().flat_map(|alert| &alert.mails)
    }

    /// Whether any mail is still to be sent, now or later.
    #[must_use]
    pub fn waits(&self, now: Time) -> bool {
        now < self.period.end + TOLD_LATE && self.mails().any(Delivery::waits)
    }

    /// The first due mail.
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

    /// Replaces the recipients of unsent mails by the current `recipients`.
    pub(super) fn redirect(&mut self, recipients: &[Recipient], now: Time) {
        self.alerts.iter_mut().for_each(|alert| alert.redirect(recipients, now));
    }
}
