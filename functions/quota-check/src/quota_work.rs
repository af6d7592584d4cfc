//! Writes the state of a quota, with or without a lease.

use std::time::Duration;

use model::{
    name::Name,
    quota::{Quota, QuotaState},
    time::Time,
};
use store::{Error, Revision, StoredQuotaState};

use crate::quotas::Quotas;

/// Longer than a run can take, so that a run never acts after its lease; shorter than a minute, so
/// that the next run can continue.
pub const LEASE: Duration = Duration::from_secs(55);

/// A quota's state as read by this run.
#[derive(Debug)]
pub struct QuotaWork {
    /// `None` if the quota is deleted.
    pub quota: Option<Quota>,
    pub name: Name,
    pub before: Option<QuotaState>,
    pub revision: Option<Revision>,
    /// Whether an earlier run crashed before releasing its lease.
    pub was_abandoned: bool,
}

/// A leased quota state with mails due.
#[derive(Debug)]
pub struct LeasedQuota {
    pub work: QuotaWork,
    pub state: QuotaState,
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
    pub fn new(quota: Option<Quota>, stored: StoredQuotaState) -> Self {
        let was_abandoned = stored.leased_until.is_some();
        let StoredQuotaState { quota: name, state, revision, .. } = stored;
        Self { quota, name, before: Some(state), revision: Some(revision), was_abandoned }
    }
}

/// Returns `false` if another run wrote the state first.
pub async fn write(
    quotas: &Quotas,
    work: &mut QuotaWork,
    state: &QuotaState,
    lease: Option<Time>,
) -> Result<bool, Error> {
    let revision = work.revision.as_ref();
    let written = quotas.store.put_state(&work.name, revision, state, lease).await?;
    if written.is_none() {
        tracing::info!(quota = %work.name, "quota state changed by another run");
        return Ok(false);
    }
    work.revision = written;
    Ok(true)
}

/// Stores the completed actions and releases the lease.
pub async fn release_lease(
    quotas: &Quotas,
    LeasedQuota { mut work, state }: LeasedQuota,
) -> Result<(), Error> {
    if work.quota.is_none() && !state.is_due(quotas.clock.now()) {
        return delete_state(quotas, &work).await;
    }
    write(quotas, &mut work, &state, None).await.map(drop)
}

/// Deletes the state of a deleted quota.
pub async fn delete_state(quotas: &Quotas, work: &QuotaWork) -> Result<(), Error> {
    match &work.revision {
        Some(revision) => quotas.store.delete_state(&work.name, revision).await,
        None => Ok(()),
    }
}
