use serde::{Deserialize, Deserializer};

use super::{Account, Scopes, scopes_schema};
use crate::{id::AccountId, time::Time, violation::Violation};

/// The body of `POST /v1/accounts`.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// Display name. It need not be unique.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        examples("Billing")
    )]
    pub name: String,
    /// Whether the account's keys are accepted.
    #[serde(default = "NewAccount::default_is_active")]
    #[schema(default = true)]
    pub is_active: bool,
    /// Maximum number of concurrently running jobs; null: the stack's `MaxRunning`.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    pub max_running: Option<u32>,
}

impl NewAccount {
    const fn default_is_active() -> bool {
        true
    }

    /// Creates the account; its webhook secret is derived from `random`.
    #[must_use]
    pub fn open(self, id: AccountId, random: [u8; 32], now: Time) -> Account {
        let Self { name, is_active, max_running } = self;
        Account { is_active, max_running, ..Account::create(id, name, random, now) }
    }
}

/// The body of `PATCH /v1/accounts/{id}`: omitted properties stay unchanged.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// Display name.
    #[serde(default, deserialize_with = "present")]
    #[schema(
        value_type = String,
        required = false,
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        examples("Billing")
    )]
    pub name: Option<String>,
    /// Whether the account's keys are accepted.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = bool, required = false)]
    pub is_active: Option<bool>,
    /// Maximum number of concurrently running jobs; null: the stack's `MaxRunning`.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    pub max_running: Option<Option<u32>>,
}

/// The body of `POST /v1/accounts/{id}/keys`.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Display name, such as where the key is used.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        examples("ci")
    )]
    pub name: String,
    /// Scopes of the key, at least one.
    #[schema(schema_with = scopes_schema)]
    pub scopes: Scopes,
    /// The key is rejected from this time on; null: no expiry.
    #[serde(default)]
    pub expires_at: Option<Time>,
}

impl NewKey {
    /// Violations that the JSON schema cannot express.
    #[must_use]
    pub fn violations(&self, now: Time) -> Vec<Violation> {
        let over = self.expires_at.is_some_and(|until| until <= now);
        over.then(|| Violation::new("/expires_at", "must be in the future")).into_iter().collect()
    }
}

/// Distinguishes null from a missing property: serde's default maps both to `None`.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    member: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(member).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinguishes_null_limit_from_missing_limit() {
        let cap = |text: &str| serde_json::from_str::<AccountChange>(text).unwrap().max_running;
        assert_eq!(
            [cap("{}"), cap(r#"{"max_running":null}"#), cap(r#"{"max_running":7}"#)],
            [None, Some(None), Some(Some(7))]
        );
        assert!(serde_json::from_str::<AccountChange>(r#"{"name":null}"#).is_err());
    }
}
