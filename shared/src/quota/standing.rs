use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    Alert, Block, Change, Delivery, Errand, Look, NotTaken, Notice, Period, Quota, QuotaSpec,
    Share, Tally, Threshold, Totals, Why,
};
use crate::{id::AccountId, time::Time, usage::Origin};

/// How many periods that are over are kept because mails about them wait: with ten thresholds and ten recipients each, that stays well
/// below what an item may have.
const MOST_PAST: usize = 6;

/// After how long an origin is forgotten at which nothing was counted. Should it come back, what it has is read anew.
const FORGOTTEN: Duration = Duration::from_secs(35 * 86400);
/// How far apart two notices are at least.
const TICK: Duration = Duration::from_millis(1);

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
    /// The period that isn't over.
    pub current: Tally,
    /// Periods that are, of which mails still wait, the earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<Tally>,
    /// When what is used of the current one last grew.
    pub used_at: Time,
    /// What of it was used where.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shares: BTreeMap<Origin, Share>,
    /// What the account's requests are to be turned away with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<Block>,
    /// Accounts that don't show yet what `block` says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsettled: Vec<AccountId>,
    /// Events that aren't published yet, in the order in which they are to be seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
}

impl Standing {
    /// At the first look at a quota, or at one that measures something else than `before`, which is over then.
    #[must_use]
    pub fn begin(quota: &Quota, before: Option<Self>, now: Time) -> Self {
        let QuotaSpec { limit_bytes, account, .. } = quota.spec;
        let before = before.map(|before| before.over(Why::Redefined, now));
        let (unsettled, notices) =
            before.map(|before| (before.unsettled, before.notices)).unwrap_or_default();
        Self {
            measure: quota.measure(),
            account,
            current: Tally::new(quota.spec.period.at(&quota.spec.zone(), now), limit_bytes),
            past: Vec::new(),
            used_at: now,
            shares: BTreeMap::new(),
            block: None,
            unsettled,
            notices,
        }
    }

    /// Whether it is about what the quota measures.
    #[must_use]
    pub fn is_of(&self, quota: &Quota) -> bool {
        self.measure == quota.measure()
    }

    /// Whether its period isn't over. A clock that is behind doesn't turn it back.
    #[must_use]
    pub fn goes_on(&self, now: Time) -> bool {
        now < self.current.period.end
    }

    /// Into the next period, after a look at what was used at the end of the last: what was reached is resolved, and mails that wait
    /// still wait.
    ///
    /// What had been counted by then isn't counted again. Where there is a period in between at which nobody looked, what had been counted when
    /// the new one began isn't known.
    #[must_use]
    pub fn turn(mut self, quota: &Quota, now: Time) -> Self {
        self.past.push(self.current.clone());
        self.tidy(now);
        let mut next = self.over(Why::PeriodEnded, now);
        let ended = next.current.period.end;
        let period = quota.spec.period.at(&quota.spec.zone(), now);
        next.current = Tally::new(period, quota.spec.limit_bytes);
        next.used_at = now;
        if ended == period.start {
            next.shares.retain(|_, share| share.used > 0 || now.since(share.seen_at) < FORGOTTEN);
            next.shares.values_mut().for_each(|share| share.used = 0);
        } else {
            next.shares.clear();
        }
        next
    }

    /// Which origins are new to it: what was counted there when the period began is to be [told](Self::tell_start).
    #[must_use]
    pub fn unknown(&self, totals: &Totals) -> Vec<Origin> {
        totals.keys().filter(|origin| !self.shares.contains_key(*origin)).cloned().collect()
    }

    /// What was counted at origins that are new to it when the period began.
    pub fn tell_start(&mut self, starts: Totals, now: Time) {
        for (origin, total) in starts {
            self.shares.entry(origin).or_insert_with(|| Share::starting_at(total, now));
        }
    }

    /// After a look at the series, of which `totals` were counted.
    #[must_use]
    pub fn look(self, quota: &Quota, totals: &Totals, look: Look) -> Self {
        let limit_bytes = quota.spec.limit_bytes;
        let mut seen = self.weigh(quota, totals, limit_bytes, look);
        let now = look.now;
        seen.tidy(now);
        for tally in seen.past.iter_mut().chain([&mut seen.current]) {
            tally.redirect(&quota.spec.recipients, now);
        }
        let Tally { period, limit_bytes, used, .. } = seen.current;
        let is_used_up = used >= limit_bytes && quota.spec.enforce;
        let block = seen.account.filter(|_| is_used_up).map(|account| Block {
            account,
            period,
            limit_bytes,
        });
        seen.set_block(block);
        seen
    }

    /// After the last look at a period, which is over: `totals` had been counted at its end. What was changed of the quota since then
    /// is about the next.
    #[must_use]
    pub fn last_look(self, quota: &Quota, totals: &Totals, look: Look) -> Self {
        // What is dated ahead was seen before its time came: it was counted, and isn't again.
        let seen = |origin: &Origin| self.shares.get(origin).map_or(0, |share| share.total);
        let totals = totals
            .iter()
            .map(|(origin, total)| (origin.clone(), seen(origin).max(*total)))
            .collect();
        let is_changed = quota.updated_at >= self.current.period.end;
        let limit_bytes =
            if is_changed { self.current.limit_bytes } else { quota.spec.limit_bytes };
        self.weigh(quota, &totals, limit_bytes, look)
    }

    /// After its quota is gone. What wasn't told yet isn't any more, except that it is over.
    #[must_use]
    pub fn end(mut self, now: Time) -> Self {
        self.past.clear();
        self.over(Why::Deleted, now)
    }

    /// Whether anything is to be done by now.
    #[must_use]
    pub fn is_due(&self, now: Time) -> bool {
        self.is_urgent() || self.errand(now).is_some()
    }

    /// Whether anything but a mail is to be done: what takes effect.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        !self.unsettled.is_empty() || !self.notices.is_empty()
    }

    /// The first mail that is due, those about earlier periods before others.
    #[must_use]
    pub fn errand(&self, now: Time) -> Option<Errand> {
        self.tallies().find_map(|tally| tally.errand(now))
    }

    /// What came of a mail.
    pub fn ran(&mut self, errand: &Errand, outcome: Result<(), NotTaken>, now: Time) {
        let mut tallies = self.past.iter_mut().chain([&mut self.current]);
        let of = tallies.find(|tally| tally.period == errand.period);
        if let Some(delivery) = of.and_then(|tally| tally.delivery(errand)) {
            delivery.tried(outcome, now);
        }
    }

    /// The period of which a mail tells.
    #[must_use]
    pub fn tally(&self, period: Period) -> Option<&Tally> {
        self.tallies().find(|tally| tally.period == period)
    }

    /// The periods of which something is still to be told, or may be: the earliest first.
    pub fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.past.iter().chain([&self.current])
    }

    /// How many mails could not be sent so far.
    #[must_use]
    pub fn mails_failing(&self) -> usize {
        let mails = self.tallies().flat_map(Tally::mails);
        mails.filter(|mail| mail.sent_at.is_none() && mail.error.is_some()).count()
    }

    /// How much of the limit is used, in percent, rounded down to two digits: 79.99 is not 80.
    #[must_use]
    pub fn percent(&self) -> f64 {
        percent(self.current.used, self.current.limit_bytes)
    }

    /// Weighs what is used against a limit.
    fn weigh(mut self, quota: &Quota, totals: &Totals, limit_bytes: u64, look: Look) -> Self {
        self.current.limit_bytes = limit_bytes;
        for (origin, total) in totals {
            let share = self.shares.entry(origin.clone());
            share.or_insert_with(|| Share::starting_at(*total, look.now)).grow(*total, look);
        }
        let used = self.shares.values().fold(0u64, |sum, share| sum.saturating_add(share.used));
        self.grow(quota, self.current.used.max(used), look.now);
        self.resolve(&quota.spec, look.now);
        self.cross(&quota.spec, look.now);
        self
    }

    /// Lets go of periods of which nothing is to be told any more.
    fn tidy(&mut self, now: Time) {
        self.past.retain(|tally| tally.waits(now));
        let too_many = self.past.len().saturating_sub(MOST_PAST);
        self.past.drain(..too_many);
    }

    fn grow(&mut self, quota: &Quota, used: u64, now: Time) {
        let current = &mut self.current;
        let more = used - current.used;
        if more == 0 {
            return;
        }
        let seen_before = self.used_at < now || !current.bars.is_empty();
        let bar = quota.spec.period.bars(&quota.spec.zone(), current.period, now).len().max(1) - 1;
        // A first look in the middle of a period can't tell when all of that was.
        if seen_before || bar == 0 {
            current.bars.resize(current.bars.len().max(bar + 1), 0);
            current.bars[bar] = current.bars[bar].saturating_add(more);
        }
        (current.used, self.used_at) = (used, now);
    }

    /// Lets go of thresholds that aren't reached any more, or aren't the quota's.
    fn resolve(&mut self, spec: &QuotaSpec, now: Time) {
        let (used, limit) = (self.current.used, self.current.limit_bytes);
        let over = |alert: &mut Alert| {
            !spec.thresholds.contains(&alert.threshold) || !alert.threshold.is_reached(used, limit)
        };
        for alert in self.current.alerts.extract_if(.., over).collect::<Vec<_>>() {
            let why = if spec.thresholds.contains(&alert.threshold) {
                Why::LimitRaised
            } else {
                Why::Redefined
            };
            self.tell(&alert, Change::Resolved(why), now);
        }
    }

    /// Notes the thresholds that are reached and weren't. The highest alone is told, and only if it is above those that were.
    fn cross(&mut self, spec: &QuotaSpec, now: Time) {
        let Tally { used, limit_bytes, .. } = self.current;
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
            let mails = mails.map(|to| Delivery::new(to.clone(), now)).collect();
            let alert = Alert { threshold, crossed_at: now, used, passed_over, mails };
            self.tell(&alert, Change::Crossed, now);
            self.current.alerts.push(alert);
        }
        self.current.alerts.sort_by_key(|alert| alert.threshold);
    }

    /// Everything that was reached is resolved, and nobody is blocked.
    fn over(mut self, why: Why, now: Time) -> Self {
        for alert in std::mem::take(&mut self.current.alerts) {
            self.tell(&alert, Change::Resolved(why), now);
        }
        self.set_block(None);
        self
    }

    /// To be told in an event, if the quota is an account's and its mails told it too.
    fn tell(&mut self, alert: &Alert, change: Change, now: Time) {
        let Some(account) = self.account.filter(|_| !alert.passed_over) else { return };
        // Events are seen in the order of their times.
        let at = self.notices.last().map_or(now, |last| now.max(last.at + TICK));
        let Tally { limit_bytes, used, period, .. } = self.current;
        self.notices.push(Notice {
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

/// How much of a limit is used, in percent, rounded down to two digits.
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
