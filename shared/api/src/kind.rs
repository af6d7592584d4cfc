use serde::{Deserialize, Serialize};
use serde_json::Value;

use model::{
    job::RetryPolicy,
    kind::{Discipline, Kind, Target},
    name::Name,
    time::Time,
};

/// A kind of jobs.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KindBody {
    /// Kind name.
    pub name: Name,
    /// Description for humans.
    pub description: String,
    /// JSON Schema of payloads.
    #[schema(schema_with = model::kind::json_schema)]
    pub schema: Value,
    /// Target of jobs of this kind; header values are masked.
    #[schema(schema_with = model::kind::target::schema)]
    pub target: Target,
    /// Number of attempts and backoff between them.
    pub retry: RetryPolicy,
    /// Order in which waiting jobs are run.
    pub discipline: Discipline,
    /// Whether the end of a job is published as an event of its account.
    pub events: bool,
    /// Time that a finished job is kept, in seconds.
    pub retention_seconds: u32,
    /// Time limit of one attempt, in seconds; null: 30, or the stack's limit if that is shorter.
    pub timeout_seconds: Option<u32>,
    /// Whether new jobs are rejected because the target responded with 410.
    pub disabled: bool,
    /// Creation time.
    pub created_at: Time,
    /// Time of the last change.
    pub updated_at: Time,
}

impl From<Kind> for KindBody {
    fn from(kind: Kind) -> Self {
        let spec = kind.spec;
        Self {
            name: kind.name,
            description: spec.description,
            schema: spec.schema,
            target: spec.target.masked(),
            retry: spec.retry,
            discipline: spec.discipline,
            events: spec.events,
            retention_seconds: spec.retention_seconds,
            timeout_seconds: spec.timeout_seconds,
            disabled: kind.disabled,
            created_at: kind.created_at,
            updated_at: kind.updated_at,
        }
    }
}
