use serde::{Deserialize, Serialize};

use model::{
    account::Scopes,
    id::{AccountId, KeyId},
};

/// Identity and scopes of the API key or token.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CallerBody {
    /// Account it belongs to.
    #[schema(value_type = String, examples("acc_01kagzwy00e40r2081040g2081"))]
    pub account_id: AccountId,
    /// Name of the account.
    #[schema(examples("Billing"))]
    pub account_name: String,
    /// Key id; null for a token of the stack's issuer.
    #[schema(value_type = Option<String>, examples("key_01kagzwy00ec1r60r30c1g60r3"))]
    pub key_id: Option<KeyId>,
    /// Name of the key, or subject of the token.
    #[schema(examples("ci"))]
    pub name: String,
    /// Granted scopes.
    #[schema(schema_with = model::account::scopes_schema)]
    pub scopes: Scopes,
}
