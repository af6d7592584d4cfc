use std::sync::Arc;

use runtime::clock::Clock;
use store::{AccountStore, EventStore, Mailer, QuotaStore, UsageStore};

/// Context of evaluating quotas.
#[derive(Debug)]
pub struct Quotas {
    pub store: QuotaStore,
    pub usage: UsageStore,
    pub accounts: Arc<AccountStore>,
    pub events: EventStore,
    pub mailer: Mailer,
    pub clock: Clock,
}
