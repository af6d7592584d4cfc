use serde::{Deserialize, Serialize};

use model::{
    account::{KeyRecord, Scopes},
    id::KeyId,
    time::Time,
};

/// An API key, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KeyBody {
    /// Key id.
    #[schema(value_type = String, examples("key_01kagzwy00ec1r60r30c1g60r3"))]
    pub id: KeyId,
    /// Display name.
    pub name: String,
    /// Granted scopes.
    #[schema(schema_with = model::account::scopes_schema)]
    pub scopes: Scopes,
    /// Creation time.
    pub created_at: Time,
    /// Time when the key expires; null: never.
    pub expires_at: Option<Time>,
    /// Time of last use in a write request (`POST`, `PUT`, `PATCH` or `DELETE`), to the hour; null:
    /// never. Read requests don't count: their function has no write permission and logs `key used`
    /// instead.
    pub last_used_at: Option<Time>,
    /// Time of revocation; null: not revoked.
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

/// A newly created key.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IssuedKeyBody {
    /// The stored key.
    #[serde(flatten)]
    pub key: KeyBody,
    /// The key as sent in `Authorization`. Shown only once.
    #[schema(examples("tg_01kagzwy00e40r2081040g2081_01kagzwy00ec1r60r30c1g60r3_0f1e…"))]
    pub secret: String,
}
