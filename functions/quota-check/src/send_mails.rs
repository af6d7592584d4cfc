//! Sends the mails about reached thresholds.

use futures::{StreamExt, stream};
use model::{
    quota::{MailFailure, PendingMail, Quota, QuotaState},
    time::Time,
};
use store::{Error, Mail};

use crate::{
    mail::mail,
    quota_work::{LEASE, LeasedQuota, release_lease, write},
    quotas::Quotas,
};

/// Number of quotas whose mails are sent concurrently. SES accepts fourteen mails a second outside
/// its sandbox.
const MAX_CONCURRENT_MAILS: usize = 10;

/// Sends the mails due for several quotas concurrently until `until`. Returns the number of quotas
/// with errors.
pub async fn send_mails(quotas: &Quotas, leased: Vec<LeasedQuota>, until: Time) -> usize {
    let results = stream::iter(leased).map(async |leased| {
        let quota = leased.work.name.clone();
        let result = send_mails_of(quotas, leased, until).await;
        if let Err(error) = &result {
            tracing::error!(%quota, cause = %error, "recording sent mails failed");
        }
        result
    });
    let results: Vec<_> = results.buffer_unordered(MAX_CONCURRENT_MAILS).collect().await;
    results.iter().filter(|result| result.is_err()).count()
}

/// Records each mail before it sends the next.
async fn send_mails_of(quotas: &Quotas, mut leased: LeasedQuota, until: Time) -> Result<(), Error> {
    let mut is_first = true;
    while let Some(pending) = leased.state.due_mail(quotas.clock.now()) {
        let now = quotas.clock.now();
        if now >= until {
            tracing::warn!(
                quota = %leased.work.name,
                "time limit reached, remaining mails are sent by the next run"
            );
            break;
        }
        let LeasedQuota { work, state } = &mut leased;
        if !is_first && !write(quotas, work, state, Some(now + LEASE)).await? {
            return Ok(());
        }
        if is_first && work.was_abandoned {
            tracing::warn!(
                quota = %work.name,
                "an earlier run crashed while sending a mail: \
                 the mail is sent, possibly twice"
            );
        }
        is_first = false;
        let Some(quota) = &work.quota else { break };
        let result = send(quotas, quota, state, &pending).await;
        if let Err(MailFailure { why, unanswered }) = &result {
            tracing::error!(
                quota = %quota.name, cause = why, may_be_sent = unanswered,
                "sending a mail failed"
            );
        }
        state.record_result(&pending, result, now);
    }
    release_lease(quotas, leased).await
}

async fn send(
    quotas: &Quotas,
    quota: &Quota,
    state: &QuotaState,
    pending: &PendingMail,
) -> Result<(), MailFailure> {
    let not_sent = |cause: String| MailFailure { why: cause, unanswered: false };
    let usage = state
        .period_usage(pending.period)
        .ok_or_else(|| not_sent("its period is no longer stored".to_owned()))?;
    let mail = mail(quota, usage, pending.threshold, state.block.as_ref(), quotas.clock.now())
        .map_err(|error| not_sent(error.to_string()))?;
    let mail = Mail { to: &pending.to, subject: &mail.subject, text: &mail.text, html: &mail.html };
    quotas.mailer.send(mail).await.map_err(MailFailure::from)
}
