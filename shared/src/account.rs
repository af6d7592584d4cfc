//! Accounts and their keys: who may do what.

mod key;
mod request;
mod scope;
mod secret;

pub use key::{ApiKey, KeyRecord, NotAKey};
pub use request::{AccountChange, NewAccount, NewKey};
pub use scope::{NotAScope, Scope, Scopes, scopes_schema};
pub use secret::{IssuedSecret, TooManySecrets, WebhookSecret, WebhookSecrets};

use crate::{id::AccountId, time::Time};

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
    /// When it was made.
    pub created_at: Time,
}

impl Account {
    /// A new account, active; `random` becomes its webhook secret.
    #[must_use]
    pub fn open(id: AccountId, name: impl Into<String>, random: [u8; 32], now: Time) -> Self {
        let webhook_secrets = WebhookSecrets::first(random, now);
        Self { id, name: name.into(), is_active: true, webhook_secrets, max_running: None, created_at: now }
    }
}
