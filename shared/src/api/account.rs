use serde::{Deserialize, Serialize};

use crate::{account::Account, id::AccountId, time::Time};

/// An account.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AccountBody {
    /// Its id.
    #[schema(value_type = String, examples("acc_01kagzwy00e40r2081040g2081"))]
    pub id: AccountId,
    /// What people call it.
    pub name: String,
    /// Whether its keys open anything.
    pub is_active: bool,
    /// How many of its jobs may run at once; null: as many as the stack's `MaxRunning` says for all.
    pub max_running: Option<u32>,
    /// When it was made.
    pub created_at: Time,
}

impl From<&Account> for AccountBody {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id,
            name: account.name.clone(),
            is_active: account.is_active,
            max_running: account.max_running,
            created_at: account.created_at,
        }
    }
}
