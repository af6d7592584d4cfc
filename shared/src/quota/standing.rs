use serde::{Deserialize, Serialize};

use super::{Alert, Block, Change, Delivery, Notice, Period, Quota, QuotaSpec, Threshold, Why};
use crate::{id::AccountId, time::Time};

/// How a quota stands in its period, and what is still to be done about it.
///
/// What is to be done is part of it, so that it is decided once, whoever dies before doing it:
///
/// ```text
///   threshold reached ──▶ alert with mails to be sent ──▶ sent
///                    └──▶ notice (quota.crossed) ───────▶ published
///   period ended, limit raised, quota changed or gone ──▶ notice (quota.resolved) ──▶ published
///   all used and enforced, or no longer ──▶ block, account unsettled ──▶ written to the account
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What it is that was measured: [`Quota::measure`].
    pub measure: String,
    /// Whose usage it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The limit when it was last looked at.
    pub limit_bytes: u64,
    /// The period.
    pub period: Period,
    /// What had been counted of all series when the period began.
    pub base: u64,
    /// What was used since. It never falls within a period.
    pub used: u64,
    /// When that last grew.
    pub used_at: Time,
    /// What was used in each of the period's bars ([`PeriodLength::bars`](super::PeriodLength::bars)), as far as somebody looked; what was
    /// used before the first look is in none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bars: Vec<u64>,
    /// The thresholds that are reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<Alert>,
    /// What the account's requests are to be turned away with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
    /// Accounts that don't show yet what `block` says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsettled: Vec<AccountId>,
    /// Events that aren't published yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
}

impl Standing {
    /// At the beginning of a period, or of a quota; `base` is what had been counted when the period began.
    ///
    /// Of what was `before`, everything that was reached is resolved.
    #[must_use]
    pub fn begin(quota: &Quota, base: u64, before: Option<Self>, now: Time) -> Self {
        let QuotaSpec { limit_bytes, account, .. } = quota.spec;
        let measure = quota.measure();
        let why = match &before {
            Some(before) if before.measure == measure => Why::PeriodEnded,
            _ => Why::Redefined,
        };
        let before = before.map(|before| before.over(why, now));
        let (unsettled, notices) =
            before.map(|before| (before.unsettled, before.notices)).unwrap_or_default();
        Self {
            measure,
            account,
            limit_bytes,
            period: quota.spec.period.at(&quota.spec.zone(), now),
            base,
            used: 0,
            used_at: now,
            bars: Vec::new(),
            alerts: Vec::new(),
            block: None,
            unsettled,
            notices,
        }
    }

    /// Whether it goes on: its quota measures the same, and its period isn't over. A clock that is behind doesn't turn it back.
    #[must_use]
    pub fn goes_on(&self, quota: &Quota, now: Time) -> bool {
        now < self.period.end && self.measure == quota.measure()
    }

    /// After a look at the series, of which `total` was counted in all.
    #[must_use]
    pub fn look(mut self, quota: &Quota, total: u64, now: Time) -> Self {
        self.limit_bytes = quota.spec.limit_bytes;
        self.grow(quota, self.used.max(total.saturating_sub(self.base)), now);
        self.resolve(&quota.spec, now);
        self.cross(&quota.spec, now);
        for alert in &mut self.alerts {
            alert.redirect(&quota.spec.recipients, now);
        }
        let is_used_up = self.used >= self.limit_bytes && quota.spec.enforce;
        let (period, limit_bytes) = (self.period, self.limit_bytes);
        let block = self.account.filter(|_| is_used_up).map(|account| Block { account, period, limit_bytes });
        self.set_block(block);
        self
    }

    /// After its quota is gone.
    #[must_use]
    pub fn end(self, now: Time) -> Self {
        self.over(Why::Deleted, now)
    }

    /// Whether anything is to be done by now.
    #[must_use]
    pub fn is_due(&self, now: Time) -> bool {
        let mut mails = self.alerts.iter().flat_map(|alert| &alert.mails);
        !self.unsettled.is_empty() || !self.notices.is_empty() || mails.any(|mail| mail.is_due(now))
    }

    /// How much of the limit is used, in percent, rounded down to two digits: 79.99 is not 80.
    #[must_use]
    pub fn percent(&self) -> f64 {
        percent(self.used, self.limit_bytes)
    }

    fn grow(&mut self, quota: &Quota, used: u64, now: Time) {
        let more = used - self.used;
        if more == 0 {
            return;
        }
        let seen_before = self.used_at < now || !self.bars.is_empty();
        let bar = quota.spec.period.bars(&quota.spec.zone(), self.period, now).len().max(1) - 1;
        // A first look in the middle of a period can't tell when all of that was.
        if seen_before || bar == 0 {
            self.bars.resize(self.bars.len().max(bar + 1), 0);
            self.bars[bar] = self.bars[bar].saturating_add(more);
        }
        (self.used, self.used_at) = (used, now);
    }

    /// Lets go of thresholds that aren't reached any more, or aren't the quota's.
    fn resolve(&mut self, spec: &QuotaSpec, now: Time) {
        let (used, limit) = (self.used, self.limit_bytes);
        let over = |alert: &mut Alert| {
            !spec.thresholds.contains(&alert.threshold) || !alert.threshold.is_reached(used, limit)
        };
        for alert in self.alerts.extract_if(.., over).collect::<Vec<_>>() {
            let why =
                if spec.thresholds.contains(&alert.threshold) { Why::LimitRaised } else { Why::Redefined };
            self.tell(&alert, Change::Resolved(why), now);
        }
    }

    /// Notes the thresholds that are reached and weren't. The highest alone is told, and only if it is above those that were.
    fn cross(&mut self, spec: &QuotaSpec, now: Time) {
        let is_known = |threshold: &Threshold| self.alerts.iter().any(|alert| alert.threshold == *threshold);
        let is_reached = |threshold: &&Threshold| threshold.is_reached(self.used, self.limit_bytes);
        let mut new: Vec<_> =
            spec.thresholds.iter().filter(is_reached).filter(|t| !is_known(t)).copied().collect();
        new.sort_unstable();
        let highest_before = self.alerts.iter().map(|alert| alert.threshold).max();
        let told =
            new.last().copied().filter(|highest| highest_before.is_none_or(|before| *highest > before));
        for threshold in new {
            let passed_over = Some(threshold) != told;
            let mails = spec.recipients.iter().filter(|_| !passed_over);
            let mails = mails.map(|to| Delivery::new(to.clone(), now)).collect();
            let alert = Alert { threshold, crossed_at: now, used: self.used, passed_over, mails };
            self.tell(&alert, Change::Crossed, now);
            self.alerts.push(alert);
        }
        self.alerts.sort_by_key(|alert| alert.threshold);
    }

    /// Everything that was reached is resolved, and nobody is blocked.
    fn over(mut self, why: Why, now: Time) -> Self {
        for alert in std::mem::take(&mut self.alerts) {
            self.tell(&alert, Change::Resolved(why), now);
        }
        self.set_block(None);
        self
    }

    /// To be told in an event, if the quota is an account's and its mails told it too.
    fn tell(&mut self, alert: &Alert, change: Change, now: Time) {
        let Some(account) = self.account.filter(|_| !alert.passed_over) else { return };
        self.notices.push(Notice {
            account,
            at: now,
            change,
            threshold: alert.threshold,
            limit_bytes: self.limit_bytes,
            used: self.used,
            period: self.period,
        });
    }

    fn set_block(&mut self, block: Option<Block>) {
        if self.block == block {
            return;
        }
        let accounts = [self.block.as_ref(), block.as_ref()].into_iter().flatten().map(|block| block.account);
        self.unsettled.extend(accounts);
        self.unsettled.sort_unstable();
        self.unsettled.dedup();
        self.block = block;
    }
}

/// How much of a limit is used, in percent, rounded down to two digits.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "hundredths of a percent are far from where precision ends")]
pub fn percent(used: u64, limit: u64) -> f64 {
    let hundredths = u128::from(used) * 10_000 / u128::from(limit.max(1));
    hundredths as f64 / 100.0
}

#[cfg(test)]
mod tests;
