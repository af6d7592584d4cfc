//! Kinds: payload schema, target and policies of the jobs of a name.

mod callback;
mod discipline;
pub mod target;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use callback::Callback;
pub use discipline::{Discipline, Rank};
pub use target::Target;

use crate::{
    job::{RetryPolicy, Timing},
    name::Name,
    time::Time,
    violation::Violation,
};

/// The body of `PUT /v1/kinds/{name}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KindSpec {
    /// Human-readable purpose of the kind.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub description: String,
    /// A JSON Schema 2020-12 that every payload must satisfy.
    #[schema(schema_with = json_schema)]
    pub schema: Value,
    /// Where jobs of this kind are delivered.
    #[schema(schema_with = target::schema)]
    pub target: Target,
    /// Number of attempts and the backoff between them.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// Order in which waiting jobs are started.
    #[serde(default)]
    pub discipline: Discipline,
    /// How long a finished job stays visible, in seconds.
    #[serde(default = "KindSpec::default_retention")]
    #[schema(minimum = 60, maximum = 2_592_000, default = 86400)]
    pub retention_seconds: u32,
    /// Whether the end of each job is published as an event of its account: `job.completed`,
    /// `job.failed` or `job.cancelled`.
    #[serde(default)]
    #[schema(default = false)]
    pub events: bool,
    /// Timeout of one attempt, in seconds. The stack's parameter `WorkerTiming` sets the upper
    /// limit.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 885)]
    pub timeout_seconds: Option<u32>,
}

/// A schema is an object or, in 2020-12, a boolean.
pub fn json_schema() -> utoipa::openapi::Schema {
    use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
    let about = "A JSON Schema 2020-12 that every payload must satisfy. `format` is checked; \
                 only references within the schema are allowed; patterns have no look-around \
                 and no back-references.";
    let schema_type = SchemaType::from_iter([Type::Object, Type::Boolean]);
    ObjectBuilder::new().schema_type(schema_type).description(Some(about)).into()
}

impl KindSpec {
    pub const DEFAULT_RETENTION: Duration = Duration::from_secs(86400);

    const fn default_retention() -> u32 {
        86400
    }

    /// Violations that the API's JSON schema cannot express, other than those of the payload
    /// schema.
    #[must_use]
    pub fn violations(&self, timing: Timing) -> Vec<Violation> {
        let mut found = self.target.violations("/target");
        let longest = timing.target().as_secs();
        if self.timeout_seconds.is_some_and(|seconds| u64::from(seconds) > longest) {
            found.push(Violation::new(
                "/timeout_seconds",
                format!("must be at most {longest}, the stack's limit"),
            ));
        }
        found
    }

    /// Timeout of one attempt: the kind's setting or 30 seconds, capped at the stack's limit.
    #[must_use]
    pub fn timeout(&self, timing: Timing) -> Duration {
        const DEFAULT: Duration = Duration::from_secs(30);
        self.timeout_seconds
            .map_or(DEFAULT, |seconds| Duration::from_secs(seconds.into()))
            .min(timing.target())
    }

    /// How long a finished job stays visible.
    #[must_use]
    pub fn retention(&self) -> Duration {
        Duration::from_secs(self.retention_seconds.into())
    }
}

/// A stored kind.
#[derive(Clone, Debug)]
pub struct Kind {
    pub name: Name,
    /// Changes with every update; serves as the cache key of the compiled schema.
    pub version: String,
    pub spec: KindSpec,
    /// Accepts no more jobs because its target responded with 410. A `PUT` enables it again.
    pub disabled: bool,
    pub created_at: Time,
    pub updated_at: Time,
}
