use serde::{Deserialize, Deserializer};

use super::{Account, Scopes, scopes_schema};
use crate::{id::AccountId, schema::Violation, time::Time};

/// The body of `POST /v1/accounts`.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// What people call it. Two accounts may bear the same name.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        examples("Billing")
    )]
    pub name: String,
    /// Whether its keys open anything.
    #[serde(default = "NewAccount::default_is_active")]
    #[schema(default = true)]
    pub is_active: bool,
    /// How many of its jobs may run at once; null: as many as the stack's `MaxRunning` says for all.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 1000)]
    pub max_running: Option<u32>,
}

impl NewAccount {
    const fn default_is_active() -> bool {
        true
    }

    /// The account; `random` becomes its webhook secret.
    #[must_use]
    pub fn open(self, id: AccountId, random: [u8; 32], now: Time) -> Account {
        let Self { name, is_active, max_running } = self;
        Account { is_active, max_running, ..Account::open(id, name, random, now) }
    }
}

/// The body of `PATCH /v1/accounts/{id}`: what it doesn't name stays as it is.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// What people call it.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 100, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$", examples("Billing"))]
    pub name: Option<String>,
    /// Whether its keys open anything.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = bool, required = false)]
    pub is_active: Option<bool>,
    /// How many of its jobs may run at once; null: as many as the stack's `MaxRunning` says for all.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    pub max_running: Option<Option<u32>>,
}

/// The body of `POST /v1/accounts/{id}/keys`.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What people call it: where it is used, say.
    #[schema(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*$",
        examples("ci")
    )]
    pub name: String,
    /// What it may be used for, at least one thing.
    #[schema(schema_with = scopes_schema)]
    pub scopes: Scopes,
    /// From when on it opens nothing; null: it doesn't end by itself.
    #[serde(default)]
    pub expires_at: Option<Time>,
}

impl NewKey {
    /// What is wrong with it that its own schema can't say.
    #[must_use]
    pub fn violations(&self, now: Time) -> Vec<Violation> {
        let over = self.expires_at.is_some_and(|until| until <= now);
        over.then(|| Violation::new("/expires_at", "has passed")).into_iter().collect()
    }
}

/// A member that is there, null or not: serde alone takes null for one that isn't.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(member: D) -> Result<Option<T>, D::Error> {
    T::deserialize(member).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_that_is_null_is_told_from_none() {
        let cap = |text: &str| serde_json::from_str::<AccountChange>(text).unwrap().max_running;
        assert_eq!(
            [cap("{}"), cap(r#"{"max_running":null}"#), cap(r#"{"max_running":7}"#)],
            [None, Some(None), Some(Some(7))]
        );
        assert!(serde_json::from_str::<AccountChange>(r#"{"name":null}"#).is_err());
    }
}
