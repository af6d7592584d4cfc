//! Accounts and their keys: who may do what.

mod key;
mod request;
mod scope;
mod secret;

pub use key::{ApiKey, KeyRecord, NotAKey};
pub use request::{AccountChange, NewAccount, NewKey};
pub use scope::{NotAScope, Scope, Scopes, scopes_schema};
pub use secret::{IssuedSecret, TooManySecrets, WebhookSecret, WebhookSecrets};

use std::collections::BTreeMap;

use crate::{
    id::AccountId,
    name::Name,
    quota::{Block, Exhausted},
    time::Time,
};

/// A tenant.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What people call it.
    pub name: String,
    /// A deactivated account's keys open nothing.
    pub is_active: bool,
    /// Sign what goes to its targets (`whsec_…`, <https://www.standardwebhooks.com>).
    pub webhook_secrets: WebhookSecrets,
    /// How many of its jobs may run at once, if it isn't what the stack says for all.
    pub max_running: Option<u32>,
    /// The quotas that are used up and enforced, or were: what its own keys hand in is turned away as long as one counts.
    pub blocks: BTreeMap<Name, Block>,
    /// When it was made.
    pub created_at: Time,
}

impl Account {
    /// A new account, active; `random` becomes its webhook secret.
    #[must_use]
    pub fn open(id: AccountId, name: impl Into<String>, random: [u8; 32], now: Time) -> Self {
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

    /// The quota that is used up at `now`, if one is; of several the one that is for the longest.
    #[must_use]
    pub fn exhausted(&self, now: Time) -> Option<Exhausted> {
        let told = self.blocks.iter().filter_map(|(quota, block)| block.tell(quota, now));
        told.max_by_key(|exhausted| exhausted.until)
    }
}
