use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    job::RetryPolicy,
    kind::{Discipline, Kind, Target},
    name::Name,
    time::Time,
};

/// A kind.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct KindBody {
    /// Its name.
    pub name: Name,
    /// What the kind is for, for people.
    pub description: String,
    /// What every payload must satisfy.
    #[schema(schema_with = crate::kind::json_schema)]
    pub schema: Value,
    /// Where jobs of this kind go; the values of its headers are masked.
    #[schema(schema_with = crate::kind::target::schema)]
    pub target: Target,
    /// How often a job is tried, and how far apart.
    pub retry: RetryPolicy,
    /// In which order waiting jobs are taken.
    pub discipline: Discipline,
    /// Whether the end of a job is published as an event of its account.
    pub events: bool,
    /// How long a job is shown after it finished, in seconds.
    pub retention_seconds: u32,
    /// How long the target may take for one attempt, in seconds; null: 30, or the stack's limit if that is less.
    pub timeout_seconds: Option<u32>,
    /// Whether it takes no more jobs, since its target answered 410.
    pub disabled: bool,
    /// When it was first made.
    pub created_at: Time,
    /// When it was last changed.
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
