use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Alert, MailDelivery, Period, Recipient, Threshold};
use crate::time::Time;

/// How long after a period's end its mails are still sent. Later ones would be outdated by the next
/// period's usage.
const MAIL_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// Usage and alerts of one period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeriodUsage {
    pub period: Period,
    /// The limit at the last evaluation.
    pub limit_bytes: u64,
    /// Bytes used since the period started. It never decreases.
    pub used: u64,
    /// Bytes used in each chart interval of the period
    /// ([`chart_intervals`](super::PeriodLength::chart_intervals)), attributed to the time of
    /// evaluation. Usage before the first evaluation is in none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<u64>,
    /// Alerts of the reached thresholds, lowest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
}

/// Identifies a pending mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingMail {
    /// The period, which may have ended.
    pub period: Period,
    pub threshold: Threshold,
    pub to: Recipient,
}

impl PeriodUsage {
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
    pub fn mails(&self) -> impl Iterator<Item = &MailDelivery> {
        self.alerts.iter().flat_map(|alert| &alert.mails)
    }

    /// Whether any mail is still to be sent, now or later.
    #[must_use]
    pub fn has_pending_mails(&self, now: Time) -> bool {
        now < self.period.end + MAIL_WINDOW && self.mails().any(MailDelivery::is_pending)
    }

    /// The first due mail.
    pub(super) fn due_mail(&self, now: Time) -> Option<PendingMail> {
        self.alerts.iter().find_map(|alert| {
            let mail = alert.mails.iter().find(|mail| mail.is_due(now))?;
            Some(PendingMail {
                period: self.period,
                threshold: alert.threshold,
                to: mail.to.clone(),
            })
        })
    }

    pub(super) fn delivery(&mut self, errand: &PendingMail) -> Option<&mut MailDelivery> {
        let alert = self.alerts.iter_mut().find(|alert| alert.threshold == errand.threshold)?;
        alert.mails.iter_mut().find(|mail| mail.to == errand.to)
    }

    /// Replaces the recipients of unsent mails by the current `recipients`.
    pub(super) fn set_recipients(&mut self, recipients: &[Recipient], now: Time) {
        self.alerts.iter_mut().for_each(|alert| alert.set_recipients(recipients, now));
    }
}
