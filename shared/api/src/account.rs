use serde::{Deserialize, Serialize};

use model::{account::Account, id::AccountId, time::Time};

/// An account.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AccountBody {
    /// Account id.
    #[schema(value_type = String, examples("acc_01kagzwy00e40r2081040g2081"))]
    pub id: AccountId,
    /// Display name.
    pub name: String,
    /// Whether its keys are accepted.
    pub is_active: bool,
    /// Concurrency limit: number of its jobs that run at the same time; null: the stack's
    /// `MaxRunning`.
    pub max_running: Option<u32>,
    /// Creation time.
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
