use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Alert, Block, Change, MailDelivery, MailFailure, PendingEvent, PendingMail, Period,
    PeriodUsage, Quota, QuotaSpec, ReadTimes, ResolveReason, SourceUsage, Threshold, Totals,
};
use crate::{id::AccountId, time::Time, usage::Origin};

/// Maximum number of ended periods kept for their unsent mails. With ten thresholds and ten
/// recipients each, they stay well below the item size limit.
const MAX_PAST_PERIODS: usize = 6;

/// Age after which an origin without counts is dropped. If it returns, its start total is read
/// again.
const ORIGIN_TTL: Duration = Duration::from_secs(35 * 86400);
/// Minimum interval between two events.
const EVENT_INTERVAL: Duration = Duration::from_millis(1);

/// State of a quota in its current period, with the pending effects.
///
/// Pending effects are part of the state, so that each is decided once, even if a worker crashes
/// before it carries it out:
///
/// ```text
///   threshold reached ──▶ alert with pending mails ────────▶ sent
///                    └──▶ pending event (quota.crossed) ───▶ published
///   period ended, limit raised, quota changed or deleted
///                     ──▶ pending event (quota.resolved) ──▶ published
///   limit reached and enforced, or no longer
///                     ──▶ block, account in `unsettled` ───▶ written to the account
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaState {
    /// What is measured: [`Quota::measure`].
    pub measure: String,
    /// Account whose usage is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The current period.
    pub current: PeriodUsage,
    /// Ended periods with unsent mails, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<PeriodUsage>,
    /// When usage of the current period last increased.
    pub used_at: Time,
    /// The current period's usage by origin.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shares: BTreeMap<Origin, SourceUsage>,
    /// The block to be written to the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
    /// Accounts whose stored block is not up to date with `block`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsettled: Vec<AccountId>,
    /// Unpublished events, in the order of publication.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<PendingEvent>,
}

impl QuotaState {
    /// The initial state, or the state after the quota's measure changed; `before`, if any, is
    /// closed.
    #[must_use]
    pub fn start(quota: &Quota, before: Option<Self>, now: Time) -> Self {
        let QuotaSpec { limit_bytes, account, .. } = quota.spec;
        let before = before.map(|before| before.close(ResolveReason::Redefined, now));
        let (unsettled, notices) =
            before.map(|before| (before.unsettled, before.notices)).unwrap_or_default();
        Self {
            measure: quota.measure(),
            account,
            current: PeriodUsage::new(
                quota.spec.period.containing(&quota.spec.zone(), now),
                limit_bytes,
            ),
            past: Vec::new(),
            used_at: now,
            shares: BTreeMap::new(),
            block: None,
            unsettled,
            notices,
        }
    }

    /// Whether the state belongs to what the quota measures.
    #[must_use]
    pub fn is_for(&self, quota: &Quota) -> bool {
        self.measure == quota.measure()
    }

    /// Whether the current period is still open. A clock that is behind does not reopen an earlier
    /// one.
    #[must_use]
    pub fn is_open(&self, now: Time) -> bool {
        now < self.current.period.end
    }

    /// Starts the next period, after the last evaluation of the ended one. Reached thresholds are
    /// resolved and unsent mails are kept.
    ///
    /// Bytes counted in the ended period do not count again. If whole periods passed without an
    /// evaluation, the total at the start of the new period is unknown.
    #[must_use]
    pub fn roll_over(mut self, quota: &Quota, now: Time) -> Self {
        self.past.push(self.current.clone());
        self.prune(now);
        let mut next = self.close(ResolveReason::PeriodEnded, now);
        let ended = next.current.period.end;
        let period = quota.spec.period.containing(&quota.spec.zone(), now);
        next.current = PeriodUsage::new(period, quota.spec.limit_bytes);
        next.used_at = now;
        if ended == period.start {
            next.shares.retain(|_, share| share.used > 0 || now.since(share.seen_at) < ORIGIN_TTL);
            next.shares.values_mut().for_each(|share| share.used = 0);
        } else {
            next.shares.clear();
        }
        next
    }

    /// Origins new to the state. The caller reads their totals at the start of the period and
    /// passes them to [`set_start_totals`](Self::set_start_totals).
    #[must_use]
    pub fn new_origins(&self, totals: &Totals) -> Vec<Origin> {
        totals.keys().filter(|origin| !self.shares.contains_key(*origin)).cloned().collect()
    }

    /// Sets the totals of new origins at the start of the period.
    pub fn set_start_totals(&mut self, starts: Totals, now: Time) {
        for (origin, total) in starts {
            self.shares.entry(origin).or_insert_with(|| SourceUsage::starting_at(total, now));
        }
    }

    /// Evaluates the quota with the series' current `totals`.
    #[must_use]
    pub fn evaluate(self, quota: &Quota, totals: &Totals, look: ReadTimes) -> Self {
        let limit_bytes = quota.spec.limit_bytes;
        let mut seen = self.apply_usage(quota, totals, limit_bytes, look);
        let now = look.now;
        seen.prune(now);
        for tally in seen.past.iter_mut().chain([&mut seen.current]) {
            tally.set_recipients(&quota.spec.recipients, now);
        }
        let PeriodUsage { period, limit_bytes, used, .. } = seen.current;
        let is_used_up = used >= limit_bytes && quota.spec.enforce;
        let block = seen.account.filter(|_| is_used_up).map(|account| Block {
            account,
            period,
            limit_bytes,
        });
        seen.set_block(block);
        seen
    }

    /// The last evaluation of an ended period, with the `totals` at its end. Changes made to the
    /// quota since then apply to the next period.
    #[must_use]
    pub fn evaluate_ended(self, quota: &Quota, totals: &Totals, look: ReadTimes) -> Self {
        // Reports dated ahead were counted before their time. They must not count again.
        let seen = |origin: &Origin| self.shares.get(origin).map_or(0, |share| share.total);
        let totals = totals
            .iter()
            .map(|(origin, total)| (origin.clone(), seen(origin).max(*total)))
            .collect();
        let is_changed = quota.updated_at >= self.current.period.end;
        let limit_bytes =
            if is_changed { self.current.limit_bytes } else { quota.spec.limit_bytes };
        self.apply_usage(quota, &totals, limit_bytes, look)
    }

    /// Closes the state of a deleted quota. Unsent mails are dropped; the resolved thresholds are
    /// published.
    #[must_use]
    pub fn close_deleted(mut self, now: Time) -> Self {
        self.past.clear();
        self.close(ResolveReason::Deleted, now)
    }

    /// Whether any effect is due.
    #[must_use]
    pub fn is_due(&self, now: Time) -> bool {
        self.is_urgent() || self.due_mail(now).is_some()
    }

    /// Whether an effect other than a mail is pending: an event or a block.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        !self.unsettled.is_empty() || !self.notices.is_empty()
    }

    /// The first due mail, oldest period first.
    #[must_use]
    pub fn due_mail(&self, now: Time) -> Option<PendingMail> {
        self.period_usages().find_map(|tally| tally.due_mail(now))
    }

    /// Records the result of a mail.
    pub fn record_result(
        &mut self,
        errand: &PendingMail,
        outcome: Result<(), MailFailure>,
        now: Time,
    ) {
        let mut tallies = self.past.iter_mut().chain([&mut self.current]);
        let of = tallies.find(|tally| tally.period == errand.period);
        if let Some(delivery) = of.and_then(|tally| tally.delivery(errand)) {
            delivery.record_result(outcome, now);
        }
    }

    /// The given period, if it is still kept.
    #[must_use]
    pub fn period_usage(&self, period: Period) -> Option<&PeriodUsage> {
        self.period_usages().find(|tally| tally.period == period)
    }

    /// All kept periods, oldest first.
    pub fn period_usages(&self) -> impl Iterator<Item = &PeriodUsage> {
        self.past.iter().chain([&self.current])
    }

    /// Number of unsent mails with an error.
    #[must_use]
    pub fn mails_failing(&self) -> usize {
        let mails = self.period_usages().flat_map(PeriodUsage::mails);
        mails.filter(|mail| mail.sent_at.is_none() && mail.error.is_some()).count()
    }

    /// Used percentage of the limit, rounded down to two decimals: 79.99 is not 80.
    #[must_use]
    pub fn percent(&self) -> f64 {
        percent(self.current.used, self.current.limit_bytes)
    }

    /// Applies the totals and re-evaluates the thresholds against a limit.
    fn apply_usage(
        mut self,
        quota: &Quota,
        totals: &Totals,
        limit_bytes: u64,
        look: ReadTimes,
    ) -> Self {
        self.current.limit_bytes = limit_bytes;
        for (origin, total) in totals {
            let share = self.shares.entry(origin.clone());
            share
                .or_insert_with(|| SourceUsage::starting_at(*total, look.now))
                .apply_total(*total, look);
        }
        let used = self.shares.values().fold(0u64, |sum, share| sum.saturating_add(share.used));
        self.add_usage(quota, self.current.used.max(used), look.now);
        self.resolve(&quota.spec, look.now);
        self.record_crossings(&quota.spec, look.now);
        self
    }

    /// Drops ended periods without pending mails, and the oldest ones above the maximum.
    fn prune(&mut self, now: Time) {
        self.past.retain(|tally| tally.has_pending_mails(now));
        let too_many = self.past.len().saturating_sub(MAX_PAST_PERIODS);
        self.past.drain(..too_many);
    }

    fn add_usage(&mut self, quota: &Quota, used: u64, now: Time) {
        let current = &mut self.current;
        let more = used - current.used;
        if more == 0 {
            return;
        }
        let seen_before = self.used_at < now || !current.bars.is_empty();
        let bar =
            quota.spec.period.chart_intervals(&quota.spec.zone(), current.period, now).len().max(1)
                - 1;
        // A first evaluation in the middle of a period cannot tell when the bytes were used.
        if seen_before || bar == 0 {
            current.bars.resize(current.bars.len().max(bar + 1), 0);
            current.bars[bar] = current.bars[bar].saturating_add(more);
        }
        (current.used, self.used_at) = (used, now);
    }

    /// Resolves alerts whose threshold is no longer reached or was removed from the quota.
    fn resolve(&mut self, spec: &QuotaSpec, now: Time) {
        let (used, limit) = (self.current.used, self.current.limit_bytes);
        let over = |alert: &mut Alert| {
            !spec.thresholds.contains(&alert.threshold) || !alert.threshold.is_reached(used, limit)
        };
        for alert in self.current.alerts.extract_if(.., over).collect::<Vec<_>>() {
            let why = if spec.thresholds.contains(&alert.threshold) {
                ResolveReason::LimitRaised
            } else {
                ResolveReason::Redefined
            };
            self.add_event(&alert, Change::Resolved(why), now);
        }
    }

    /// Records newly reached thresholds. Only the highest is announced, and only if it is above
    /// those reached before.
    fn record_crossings(&mut self, spec: &QuotaSpec, now: Time) {
        let PeriodUsage { used, limit_bytes, .. } = self.current;
        let is_new = |threshold: &&Threshold| {
            threshold.is_reached(used, limit_bytes) && self.current.alert(**threshold).is_none()
        };
        let mut new: Vec<_> = spec.thresholds.iter().filter(is_new).copied().collect();
        new.sort_unstable();
        let highest_before = self.current.alerts.iter().map(|alert| alert.threshold).max();
        let told = new
            .last()
            .copied()
            .filter(|highest| highest_before.is_none_or(|before| *highest > before));
        for threshold in new {
            let passed_over = Some(threshold) != told;
            let mails = spec.recipients.iter().filter(|_| !passed_over);
            let mails = mails.map(|to| MailDelivery::new(to.clone(), now)).collect();
            let alert = Alert { threshold, crossed_at: now, used, passed_over, mails };
            self.add_event(&alert, Change::Crossed, now);
            self.current.alerts.push(alert);
        }
        self.current.alerts.sort_by_key(|alert| alert.threshold);
    }

    /// Resolves all alerts and removes the block.
    fn close(mut self, why: ResolveReason, now: Time) -> Self {
        for alert in std::mem::take(&mut self.current.alerts) {
            self.add_event(&alert, Change::Resolved(why), now);
        }
        self.set_block(None);
        self
    }

    /// Adds a pending event, if the quota is an account's and the alert was announced.
    fn add_event(&mut self, alert: &Alert, change: Change, now: Time) {
        let Some(account) = self.account.filter(|_| !alert.passed_over) else { return };
        // Events are ordered by time, so each gets a later one.
        let at = self.notices.last().map_or(now, |last| now.max(last.at + EVENT_INTERVAL));
        let PeriodUsage { limit_bytes, used, period, .. } = self.current;
        self.notices.push(PendingEvent {
            account,
            at,
            change,
            threshold: alert.threshold,
            limit_bytes,
            used,
            period,
        });
    }

    fn set_block(&mut self, block: Option<Block>) {
        if self.block == block {
            return;
        }
        let accounts =
            [self.block.as_ref(), block.as_ref()].into_iter().flatten().map(|block| block.account);
        self.unsettled.extend(accounts);
        self.unsettled.sort_unstable();
        self.unsettled.dedup();
        self.block = block;
    }
}

/// Used percentage of a limit, rounded down to two decimals.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "hundredths of a percent are far from where precision ends"
)]
pub fn percent(used: u64, limit: u64) -> f64 {
    let hundredths = u128::from(used) * 10_000 / u128::from(limit.max(1));
    hundredths as f64 / 100.0
}

#[cfg(test)]
mod tests;
