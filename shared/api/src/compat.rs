//! Request and response bodies of the routes that are compatible with the earlier systems.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use model::{id::JobId, job::Status, records::Identifier};

/// User to delete; payload of the default kind `user.delete`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserToDelete {
    /// User id.
    #[schema(minimum = 1, examples(7))]
    pub id: u64,
}

/// Token of an accepted job.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Token {
    /// Job id.
    #[schema(value_type = String, examples("job_01kadz9p00e8zsf5wk2c1a2b3c"))]
    pub token: JobId,
}

/// Status of the job of a token.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenStatus {
    /// Status.
    pub status: Progress,
}

/// Job status in the terms of the tasker gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Progress {
    /// Waiting for its first or next attempt.
    Queuing,
    /// Running.
    Inprogress,
    /// Completed.
    Completed,
    /// Rejected by the target, out of attempts, or cancelled.
    Failed,
}

impl From<Status> for Progress {
    fn from(status: Status) -> Self {
        match status {
            Status::Queued => Self::Queuing,
            Status::Running => Self::Inprogress,
            Status::Completed => Self::Completed,
            Status::Failed | Status::Cancelled => Self::Failed,
        }
    }
}

/// Changes to tables; payload of the default kind `activities`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Activities {
    /// Changes, applied in this order in one transaction.
    #[schema(min_items = 1, max_items = 99)]
    pub activities: Vec<OldActivity>,
}

/// An insert with its columns, or a delete with `value_to_delete`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OldActivity {
    /// `insert` or `delete`, case-insensitive.
    #[schema(examples("insert"))]
    pub operation: String,
    /// Table name.
    pub table: Identifier,
    /// Insert: column names, the key first.
    #[schema(nullable = false)]
    pub col_names: Option<Vec<Identifier>>,
    /// Insert: column types, one per column.
    #[schema(nullable = false)]
    pub col_types: Option<Vec<String>>,
    /// Insert: column values, one per column.
    #[schema(nullable = false)]
    pub col_values: Option<Vec<Value>>,
    /// Delete: columns and values that the row must have.
    #[schema(nullable = false)]
    pub value_to_delete: Option<OldColumns>,
}

/// Columns of a row: names, types and values, of equal number.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OldColumns {
    /// Column names, the key first.
    pub col_names: Vec<Identifier>,
    /// Column types.
    pub col_types: Vec<String>,
    /// Column values.
    pub col_values: Vec<Value>,
}

/// Token of accepted activities.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ActivitiesToken {
    /// Job id.
    #[schema(value_type = String, examples("job_01kadz9p00e8zsf5wk2c1a2b3c"))]
    pub token: JobId,
    /// Always `queued`.
    pub status: Status,
}
