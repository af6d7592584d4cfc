//! Applies the pending actions of a quota's state under a lease, so that no other run applies them
//! at the same time. If a run crashes, the first run after its lease completes them.
//!
//! ```text
//!   state with pending actions ── conditional write, with a lease
//!     ├─ block of the account: written; repeating the write is harmless
//!     ├─ events: each published exactly once, across runs
//!     │          after this step for all quotas, concurrently and while time is left:
//!     └─ mails: each sent, then recorded; after a crash in between, a mail may be sent twice
//!   written without the completed actions and the lease
//! ```

use std::time::Duration;

use futures::{StreamExt, stream};
use model::{
    name::Name,
    quota::{MailFailure, PendingMail, Quota, QuotaState},
    time::Time,
};
use store::{Error, Mail, PublishResult, Revision, StoredQuotaState};

use crate::{Checker, mail::mail};

/// Longer than a run can take, so that a run never acts after its lease; shorter than a minute, so
/// that the next run can continue.
pub const LEASE: Duration = Duration::from_secs(55);
/// Number of quotas whose mails are sent concurrently. SES accepts fourteen mails a second outside
/// its sandbox.
const MAX_CONCURRENT_MAILS: usize = 10;

/// A quota's state as read by this run.
#[derive(Debug)]
pub struct QuotaWork {
    /// `None` if the quota is deleted.
    quota: Option<Quota>,
    name: Name,
    before: Option<QuotaState>,
    revision: Option<Revision>,
    /// Whether an earlier run crashed before releasing its lease.
    was_abandoned: bool,
}

/// A leased quota state with mails due.
#[derive(Debug)]
pub struct LeasedQuota {
    work: QuotaWork,
    standing: QuotaState,
}

impl QuotaWork {
    /// The work for a quota that was never evaluated.
    pub fn first(quota: Quota) -> Self {
        Self {
            name: quota.name.clone(),
            quota: Some(quota),
            before: None,
            revision: None,
            was_abandoned: false,
        }
    }

    /// The work for an evaluated quota, or for the state of a deleted one.
    pub fn new(quota: Option<Quota>, known: StoredQuotaState) -> Self {
        let was_left = known.leased_until.is_some();
        let StoredQuotaState { quota: name, state: standing, revision, .. } = known;
        Self {
            quota,
            name,
            before: Some(standing),
            revision: Some(revision),
            was_abandoned: was_left,
        }
    }
}

impl Checker {
    /// Stores a quota's state if it changed and applies blocks and events; does nothing if another
    /// run stored it first. Returns the state if mails are due.
    pub(crate) async fn apply(
        &self,
        mut work: QuotaWork,
        mut standing: QuotaState,
    ) -> Result<Option<LeasedQuota>, Error> {
        let now = self.clock.now();
        let is_due = standing.is_due(now);
        if work.quota.is_none() && !is_due {
            return self.forget(&work).await.map(|()| None);
        }
        if work.before.as_ref() == Some(&standing) && !is_due && !work.was_abandoned {
            return Ok(None);
        }
        let lease = is_due.then_some(now + LEASE);
        if !self.write(&mut work, &standing, lease).await? || !is_due {
            return Ok(None);
        }
        self.write_blocks(&work.name, &mut standing).await;
        self.publish(&work.name, &mut standing).await;
        let held = LeasedQuota { work, standing };
        if held.standing.due_mail(now).is_some() {
            return Ok(Some(held));
        }
        self.release_lease(held).await.map(|()| None)
    }

    /// Sends the mails due for several quotas concurrently until `until`. Returns the number of
    /// quotas with errors.
    pub(crate) async fn send_mails(&self, held: Vec<LeasedQuota>, until: Time) -> usize {
        let sent = stream::iter(held).map(async |held| {
            let quota = held.work.name.clone();
            let sent = self.send_mails_of(held, until).await;
            if let Err(error) = &sent {
                tracing::error!(%quota, cause = %error, "recording sent mails failed");
            }
            sent
        });
        let sent: Vec<_> = sent.buffer_unordered(MAX_CONCURRENT_MAILS).collect().await;
        sent.iter().filter(|sent| sent.is_err()).count()
    }

    /// Records each mail before it sends the next.
    async fn send_mails_of(&self, mut held: LeasedQuota, until: Time) -> Result<(), Error> {
        let mut first = true;
        while let Some(errand) = held.standing.due_mail(self.clock.now()) {
            let now = self.clock.now();
            if now >= until {
                tracing::warn!(
                    quota = %held.work.name,
                    "time limit reached, remaining mails are sent by the next run"
                );
                break;
            }
            let LeasedQuota { work, standing } = &mut held;
            if !first && !self.write(work, standing, Some(now + LEASE)).await? {
                return Ok(());
            }
            if first && work.was_abandoned {
                tracing::warn!(
                    quota = %work.name,
                    "an earlier run crashed while sending a mail: \
                     the mail is sent, possibly twice"
                );
            }
            first = false;
            let Some(quota) = &work.quota else { break };
            let outcome = self.send_mail(quota, standing, &errand).await;
            if let Err(MailFailure { why, unanswered }) = &outcome {
                tracing::error!(
                    quota = %quota.name, cause = why, may_be_sent = unanswered,
                    "sending a mail failed"
                );
            }
            standing.record_result(&errand, outcome, now);
        }
        self.release_lease(held).await
    }

    /// Stores the completed actions and releases the lease.
    async fn release_lease(
        &self,
        LeasedQuota { mut work, standing }: LeasedQuota,
    ) -> Result<(), Error> {
        if work.quota.is_none() && !standing.is_due(self.clock.now()) {
            return self.forget(&work).await;
        }
        self.write(&mut work, &standing, None).await.map(drop)
    }

    async fn forget(&self, work: &QuotaWork) -> Result<(), Error> {
        match &work.revision {
            Some(revision) => self.quotas.delete_state(&work.name, revision).await,
            None => Ok(()),
        }
    }

    /// Returns `false` if another run wrote the state first.
    async fn write(
        &self,
        work: &mut QuotaWork,
        standing: &QuotaState,
        lease: Option<Time>,
    ) -> Result<bool, Error> {
        let written =
            self.quotas.put_state(&work.name, work.revision.as_ref(), standing, lease).await?;
        if written.is_none() {
            tracing::info!(quota = %work.name, "quota state changed by another run");
            return Ok(false);
        }
        work.revision = written;
        Ok(true)
    }

    /// Writes the accounts' blocks. Failed ones stay pending.
    async fn write_blocks(&self, quota: &Name, standing: &mut QuotaState) {
        let mut unsettled = Vec::new();
        for account in std::mem::take(&mut standing.unsettled) {
            let block = standing.block.as_ref().filter(|block| block.account == account);
            match self.accounts.set_block(account, quota, block).await {
                Ok(()) => {
                    tracing::info!(
                        %quota, %account, blocked = block.is_some(),
                        "account block written"
                    )
                }
                Err(error) => {
                    tracing::error!(
                        %quota, %account, cause = %error,
                        "writing the account block failed"
                    );
                    unsettled.push(account);
                }
            }
        }
        standing.unsettled = unsettled;
    }

    /// Publishes events in order. After a failure, that event and those after it stay pending.
    async fn publish(&self, quota: &Name, standing: &mut QuotaState) {
        while let Some(notice) = standing.notices.first() {
            if let Some(content) = notice.content(quota) {
                let subject = notice.subject(quota);
                match self.events.publish_about(notice.account, &subject, notice.at, content).await
                {
                    Ok(PublishResult::Stored(_)) => {}
                    Ok(PublishResult::RetryAt(_)) => return,
                    Err(error) => {
                        tracing::warn!(%quota, cause = %error, "event publication deferred");
                        return;
                    }
                }
            }
            standing.notices.remove(0);
        }
    }

    async fn send_mail(
        &self,
        quota: &Quota,
        standing: &QuotaState,
        errand: &PendingMail,
    ) -> Result<(), MailFailure> {
        let lost = |why: String| MailFailure { why, unanswered: false };
        let tally = standing
            .period_usage(errand.period)
            .ok_or_else(|| lost("its period is no longer stored".to_owned()))?;
        let block = standing.block.as_ref();
        let mail = mail(quota, tally, errand.threshold, block, self.clock.now());
        let mail = mail.map_err(|error| lost(error.to_string()))?;
        let letter =
            Mail { to: &errand.to, subject: &mail.subject, text: &mail.text, html: &mail.html };
        self.mailer.send(letter).await.map_err(MailFailure::from)
    }
}
