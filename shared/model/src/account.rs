//! Accounts (tenants) and their API keys, scopes and webhook secrets.

mod key;
mod request;
mod scope;
mod secret;

pub use key::{ApiKey, InvalidKey, KeyRecord};
pub use request::{AccountChange, NewAccount, NewKey};
pub use scope::{InvalidScope, Scope, Scopes, scopes_schema};
pub use secret::{IssuedSecret, TooManySecrets, WebhookSecret, WebhookSecrets};

use std::collections::BTreeMap;

use crate::{
    id::AccountId,
    name::Name,
    quota::{Block, Exhausted},
    time::Time,
};

#[derive(Clone, Debug)]
pub struct Account {
    pub id: AccountId,
    /// Display name.
    pub name: String,
    /// The keys of a deactivated account are rejected.
    pub is_active: bool,
    /// Sign requests to the account's targets (`whsec_…`, <https://www.standardwebhooks.com>).
    pub webhook_secrets: WebhookSecrets,
    /// Maximum number of concurrently running jobs. `None`: the stack's default.
    pub max_running: Option<u32>,
    /// Enforced quotas that are or were exhausted. While a block is in force, submissions with the
    /// account's own keys are rejected.
    pub blocks: BTreeMap<Name, Block>,
    pub created_at: Time,
}

impl Account {
    /// A new, active account; its webhook secret is derived from `random`.
    #[must_use]
    pub fn create(id: AccountId, name: impl Into<String>, random: [u8; 32], now: Time) -> Self {
        let webhook_secrets = WebhookSecrets::first(random, now);
        Self {
            id,
            name: name.into(),
            is_active: true,
            webhook_secrets,
            max_running: None,
            blocks: BTreeMap::new(),
            created_at: now,
        }
    }

    /// The quota exhausted at `now`, if any; of several the one that lasts longest.
    #[must_use]
    pub fn exhausted(&self, now: Time) -> Option<Exhausted> {
        let told = self.blocks.iter().filter_map(|(quota, block)| block.exhausted_at(quota, now));
        told.max_by_key(|exhausted| exhausted.until)
    }
}
