//! Doing what a standing says is to be done, under a lease: nobody else does it meanwhile, and what a run that died left undone is done by
//! the first one after its lease.
//!
//! ```text
//!   standing with what is to be done ── put, if nobody wrote since, with a lease
//!     ├─ the account's block: written, and written again does no harm
//!     ├─ events: published once, whoever tries
//!     └─ mails: each sent, then put as sent; a run that dies in between leaves one that may be sent twice
//!   put without what is done, and without the lease
//! ```

use std::time::Duration;

use shared::{
    aws::{Error, Known, Letter, Published, Revision},
    name::Name,
    quota::{Quota, Recipient, Standing},
    time::Time,
};

use crate::{Checker, mail::mail};

/// For how long nobody else does what a run set out to do: longer than a run can take, so that one that is over does nothing any more, and
/// shorter than a minute, so that the next one goes on.
pub const LEASE: Duration = Duration::from_secs(55);

/// What a run holds of a quota's standing.
pub struct Work<'a> {
    /// None: it is gone.
    quota: Option<&'a Quota>,
    name: Name,
    before: Option<Standing>,
    revision: Option<Revision>,
    /// Whether a run began and didn't end it.
    was_left: bool,
}

impl<'a> Work<'a> {
    pub fn new(quota: Option<&'a Quota>, name: Name, known: Option<Known>) -> Self {
        let was_left = known.as_ref().is_some_and(|known| known.leased_until.is_some());
        let (before, revision) = known.map(|known| (known.standing, known.revision)).unzip();
        Self { quota, name, before, revision, was_left }
    }
}

impl Checker {
    /// Writes how a quota stands, if that is news, and does what is to be done; nothing if another run was quicker.
    pub(crate) async fn settle(&self, mut work: Work<'_>, mut standing: Standing) -> Result<(), Error> {
        let now = self.clock.now();
        let is_due = standing.is_due(now);
        if work.quota.is_none() && !is_due {
            return self.forget(&work).await;
        }
        if work.before.as_ref() == Some(&standing) && !is_due && !work.was_left {
            return Ok(());
        }
        let lease = is_due.then_some(now + LEASE);
        if !self.write(&mut work, &standing, lease).await? || !is_due {
            return Ok(());
        }
        self.place_blocks(&work.name, &mut standing).await;
        self.publish(&work.name, &mut standing).await;
        if !self.send_mails(&mut work, &mut standing).await? {
            return Ok(());
        }
        if work.quota.is_none() && !standing.is_due(self.clock.now()) {
            return self.forget(&work).await;
        }
        self.write(&mut work, &standing, None).await.map(drop)
    }

    async fn forget(&self, work: &Work<'_>) -> Result<(), Error> {
        match &work.revision {
            Some(revision) => self.quotas.forget(&work.name, revision).await,
            None => Ok(()),
        }
    }

    /// `false` if another run was quicker.
    async fn write(
        &self,
        work: &mut Work<'_>,
        standing: &Standing,
        lease: Option<Time>,
    ) -> Result<bool, Error> {
        let written = self.quotas.stand(&work.name, work.revision.as_ref(), standing, lease).await?;
        if written.is_none() {
            tracing::info!(quota = %work.name, "another run was quicker");
            return Ok(false);
        }
        work.revision = written;
        Ok(true)
    }

    /// Has accounts show what blocks them. What fails stays to be done.
    async fn place_blocks(&self, quota: &Name, standing: &mut Standing) {
        let mut unsettled = Vec::new();
        for account in std::mem::take(&mut standing.unsettled) {
            let block = standing.block.as_ref().filter(|block| block.account == account);
            match self.accounts.set_block(account, quota, block).await {
                Ok(()) => {
                    tracing::info!(%quota, %account, blocked = block.is_some(), "an account's block was set")
                }
                Err(error) => {
                    tracing::error!(%quota, %account, cause = %error, "an account's block could not be set");
                    unsettled.push(account);
                }
            }
        }
        standing.unsettled = unsettled;
    }

    /// Publishes what events are to tell, one after the other. What fails stays to be done, and what comes after it.
    async fn publish(&self, quota: &Name, standing: &mut Standing) {
        while let Some(notice) = standing.notices.first() {
            if let Some(content) = notice.content(quota) {
                let subject = notice.subject(quota);
                match self.events.publish_about(notice.account, &subject, notice.at, content).await {
                    Ok(Published::Yes(_)) => {}
                    Ok(Published::NotBefore(_)) => return,
                    Err(error) => {
                        tracing::warn!(%quota, cause = %error, "an event is published later");
                        return;
                    }
                }
            }
            standing.notices.remove(0);
        }
    }

    /// Sends the mails that are due, each noted before the next; `false` if the lease was lost.
    async fn send_mails(&self, work: &mut Work<'_>, standing: &mut Standing) -> Result<bool, Error> {
        let Some(quota) = work.quota else { return Ok(true) };
        let mut first = true;
        while let Some((alert, mail)) = due(standing, self.clock.now()) {
            let now = self.clock.now();
            if !first && !self.write(work, standing, Some(now + LEASE)).await? {
                return Ok(false);
            }
            let to = standing.alerts[alert].mails[mail].to.clone();
            if first && work.was_left {
                tracing::warn!(quota = %quota.name, "a run ended before it could say whether a mail was sent: it is sent, maybe again");
            }
            first = false;
            let outcome = self.send_mail(quota, standing, alert, &to).await;
            if let Err(why) = &outcome {
                tracing::error!(quota = %quota.name, cause = why, "a mail could not be sent");
            }
            standing.alerts[alert].mails[mail].tried(outcome, now);
        }
        Ok(true)
    }

    async fn send_mail(
        &self,
        quota: &Quota,
        standing: &Standing,
        alert: usize,
        to: &Recipient,
    ) -> Result<(), String> {
        let mail =
            mail(quota, standing, &standing.alerts[alert], self.clock.now()).map_err(|e| e.to_string())?;
        let letter = Letter { to, subject: &mail.subject, text: &mail.text, html: &mail.html };
        self.mailer.send(letter).await.map_err(|error| error.to_string())
    }
}

/// The first mail that is due: of which alert, and which of its.
fn due(standing: &Standing, now: Time) -> Option<(usize, usize)> {
    standing.alerts.iter().enumerate().find_map(|(n, alert)| {
        let mail = alert.mails.iter().position(|mail| mail.is_due(now))?;
        Some((n, mail))
    })
}
