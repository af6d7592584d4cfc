use serde::{Deserialize, Serialize};

use crate::{
    account::{KeyRecord, Scopes},
    id::KeyId,
    time::Time,
};

/// A key, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeyBody {
    /// Its id.
    #[schema(value_type = String, examples("key_01kagzwy00ec1r60r30c1g60r3"))]
    pub id: KeyId,
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    #[schema(schema_with = crate::account::scopes_schema)]
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: Time,
    /// From when on it opens nothing; null: it doesn't end by itself.
    pub expires_at: Option<Time>,
    /// When it was last used for a command (`POST`, `PUT`, `PATCH` or `DELETE`), to the hour; null: never. Queries don't count: what
    /// answers them can't write this, and logs `key used` instead.
    pub last_used_at: Option<Time>,
    /// When it was revoked; null: it wasn't.
    pub revoked_at: Option<Time>,
}

impl From<&KeyRecord> for KeyBody {
    fn from(key: &KeyRecord) -> Self {
        Self {
            id: key.id,
            name: key.name.clone(),
            scopes: key.scopes,
            created_at: key.created_at,
            expires_at: key.valid_until,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// A key that was just made.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IssuedKeyBody {
    /// What is kept of it.
    #[serde(flatten)]
    pub key: KeyBody,
    /// The key as it is sent in `Authorization`. It is shown this once.
    #[schema(examples("tg_01kagzwy00e40r2081040g2081_01kagzwy00ec1r60r30c1g60r3_0f1e…"))]
    pub secret: String,
}
