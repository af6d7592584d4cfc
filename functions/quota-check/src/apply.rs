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

use model::{name::Name, quota::QuotaState};
use store::{Error, PublishResult};

use crate::{
    quota_work::{LEASE, LeasedQuota, QuotaWork, delete_state, release_lease, write},
    quotas::Quotas,
};

/// Stores a quota's state if it changed and applies blocks and events; does nothing if another run
/// stored it first. Returns the state if mails are due.
pub async fn apply(
    quotas: &Quotas,
    mut work: QuotaWork,
    mut state: QuotaState,
) -> Result<Option<LeasedQuota>, Error> {
    let now = quotas.clock.now();
    let is_due = state.is_due(now);
    if work.quota.is_none() && !is_due {
        return delete_state(quotas, &work).await.map(|()| None);
    }
    if work.before.as_ref() == Some(&state) && !is_due && !work.was_abandoned {
        return Ok(None);
    }
    let lease = is_due.then_some(now + LEASE);
    if !write(quotas, &mut work, &state, lease).await? || !is_due {
        return Ok(None);
    }
    write_blocks(quotas, &work.name, &mut state).await;
    publish_events(quotas, &work.name, &mut state).await;
    let leased = LeasedQuota { work, state };
    if leased.state.due_mail(now).is_some() {
        return Ok(Some(leased));
    }
    release_lease(quotas, leased).await.map(|()| None)
}

/// Writes the accounts' blocks. Failed ones stay pending.
async fn write_blocks(quotas: &Quotas, quota: &Name, state: &mut QuotaState) {
    let mut failed = Vec::new();
    for account in std::mem::take(&mut state.unsettled) {
        let block = state.block.as_ref().filter(|block| block.account == account);
        match quotas.accounts.set_block(account, quota, block).await {
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
                failed.push(account);
            }
        }
    }
    state.unsettled = failed;
}

/// Publishes events in order. After a failure, that event and those after it stay pending.
async fn publish_events(quotas: &Quotas, quota: &Name, state: &mut QuotaState) {
    while let Some(event) = state.notices.first() {
        if let Some(content) = event.content(quota) {
            let (account, subject) = (event.account, event.subject(quota));
            match quotas.events.publish_about(account, &subject, event.at, content).await {
                Ok(PublishResult::Stored(_)) => {}
                Ok(PublishResult::RetryAt(_)) => return,
                Err(error) => {
                    tracing::warn!(%quota, cause = %error, "event publication deferred");
                    return;
                }
            }
        }
        state.notices.remove(0);
    }
}
