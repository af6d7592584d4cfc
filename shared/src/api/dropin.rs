//! The bodies of the routes that stand in for earlier systems.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{id::JobId, job::Status, records::Identifier};

/// Which user is to be deleted, as the default kind `user.delete` has it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserToDelete {
    /// The user's id.
    #[schema(minimum = 1, examples(7))]
    pub id: u64,
}

/// What to ask for a job with.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Token {
    /// The job's id.
    #[schema(value_type = String, examples("job_01kadz9p00e8zsf5wk2c1a2b3c"))]
    pub token: JobId,
}

/// Where the job of a token stands.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenStatus {
    /// Where it stands.
    pub status: Progress,
}

/// Where a job stands, in the words of the tasker gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub enum Progress {
    /// It waits: for its first attempt, or for the next.
    Queuing,
    /// A worker holds it.
    Inprogress,
    /// The target took it.
    Completed,
    /// The target refused it, no attempt was left, or it was cancelled.
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

/// What is to be done to tables, as the default kind `activities` has it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Activities {
    /// Applied in this order, together.
    #[schema(min_items = 1, max_items = 99)]
    pub activities: Vec<OldActivity>,
}

/// An insert with its columns, or a delete with its `value_to_delete`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OldActivity {
    /// `insert` or `delete`, in any case.
    #[schema(examples("insert"))]
    pub operation: String,
    /// The table's name.
    pub table: Identifier,
    /// Of an insert: the columns' names, the key's first.
    #[schema(nullable = false)]
    pub col_names: Option<Vec<Identifier>>,
    /// Of an insert: as many types.
    #[schema(nullable = false)]
    pub col_types: Option<Vec<String>>,
    /// Of an insert: as many values.
    #[schema(nullable = false)]
    pub col_values: Option<Vec<Value>>,
    /// Of a delete: what the row has.
    #[schema(nullable = false)]
    pub value_to_delete: Option<OldColumns>,
}

/// Columns of a row: names, types and values, as many of each.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OldColumns {
    /// The columns' names, the key's first.
    pub col_names: Vec<Identifier>,
    /// Their types.
    pub col_types: Vec<String>,
    /// Their values.
    pub col_values: Vec<Value>,
}

/// That activities were accepted.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ActivitiesToken {
    /// The job's id.
    #[schema(value_type = String, examples("job_01kadz9p00e8zsf5wk2c1a2b3c"))]
    pub token: JobId,
    /// Always `queued`.
    pub status: Status,
}
