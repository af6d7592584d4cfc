//! Accounts and their keys: who may do what.

mod key;
mod scope;

pub use key::{ApiKey, KeyRecord, NotAKey};
pub use scope::{NotAScope, Scope, Scopes};

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
    /// Signs what goes to its targets (`whsec_…`, <https://www.standardwebhooks.com>).
    pub webhook_secret: WebhookSecret,
    /// How many of its jobs may run at once, if it isn't what the stack says for all.
    pub max_running: Option<u32>,
    /// When it was made.
    pub created_at: Time,
}

impl Account {
    /// A new account, active; `random` becomes its webhook secret.
    #[must_use]
    pub fn open(id: AccountId, name: impl Into<String>, random: [u8; 32], now: Time) -> Self {
        let webhook_secret = WebhookSecret::mint(random);
        Self { id, name: name.into(), is_active: true, webhook_secret, max_running: None, created_at: now }
    }
}

/// A Standard Webhooks secret, `whsec_` and base64. It never shows in a log.
#[derive(Clone)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    /// From 32 random bytes, the length that Standard Webhooks advises at least.
    #[must_use]
    pub fn mint(random: [u8; 32]) -> Self {
        use base64::{Engine, prelude::BASE64_STANDARD};
        Self(format!("whsec_{}", BASE64_STANDARD.encode(random)))
    }

    /// From the text that the table holds.
    #[must_use]
    pub const fn from_text(text: String) -> Self {
        Self(text)
    }

    /// The secret itself: for signing and for storing.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}
