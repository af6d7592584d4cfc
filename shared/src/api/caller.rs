use serde::{Deserialize, Serialize};

use crate::{
    account::Scopes,
    id::{AccountId, KeyId},
};

/// Who the holder of a key or token is here, and what it may do.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CallerBody {
    /// Whose it is.
    #[schema(value_type = String, examples("acc_01kagzwy00e40r2081040g2081"))]
    pub account_id: AccountId,
    /// What people call that account.
    #[schema(examples("Billing"))]
    pub account_name: String,
    /// The key's id; null: it is a token of the stack's issuer.
    #[schema(value_type = Option<String>, examples("key_01kagzwy00ec1r60r30c1g60r3"))]
    pub key_id: Option<KeyId>,
    /// What people call the key, or the subject of the token.
    #[schema(examples("ci"))]
    pub name: String,
    /// What it may be used for.
    #[schema(schema_with = crate::account::scopes_schema)]
    pub scopes: Scopes,
}
