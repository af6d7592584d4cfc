//! Kinds: what a job of a name must look like, and where it goes.

mod callback;
mod discipline;
pub(crate) mod target;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use callback::Callback;
pub use discipline::{Discipline, Rank};
pub use target::Target;

use crate::{
    job::{RetryPolicy, Timing},
    name::Name,
    schema::{Schema, Violation},
    time::Time,
};

/// The body of `PUT /v1/kinds/{name}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KindSpec {
    /// What the kind is for, for people.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub description: String,
    /// A JSON Schema 2020-12 that every payload must satisfy.
    #[schema(schema_with = json_schema)]
    pub schema: Value,
    /// Where jobs of this kind go.
    #[schema(schema_with = target::schema)]
    pub target: Target,
    /// How often a job is tried, and how far apart.
    #[serde(default)]
    pub retry: RetryPolicy,
    /// In which order waiting jobs are taken.
    #[serde(default)]
    pub discipline: Discipline,
    /// How long a job is shown after it finished, in seconds.
    #[serde(default = "KindSpec::default_retention")]
    #[schema(minimum = 60, maximum = 2_592_000, default = 86400)]
    pub retention_seconds: u32,
    /// Whether the end of each job is published as an event of its account: `job.completed`, `job.failed` or `job.cancelled`.
    #[serde(default)]
    #[schema(default = false)]
    pub events: bool,
    /// How long the target may take for one attempt, in seconds. The stack has a limit of its own, its parameter `WorkerTiming`.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 885)]
    pub timeout_seconds: Option<u32>,
}

/// A schema is an object or, as 2020-12 has it, a boolean.
pub(crate) fn json_schema() -> utoipa::openapi::Schema {
    use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
    let about = "A JSON Schema 2020-12 that every payload must satisfy. `format` is checked; only references within the schema are \
                 allowed; patterns have no look-around and no back-references.";
    let schema_type = SchemaType::from_iter([Type::Object, Type::Boolean]);
    ObjectBuilder::new().schema_type(schema_type).description(Some(about)).into()
}

impl KindSpec {
    /// For how long a job is shown where nothing else is said.
    pub const DEFAULT_RETENTION: Duration = Duration::from_secs(86400);

    const fn default_retention() -> u32 {
        86400
    }

    /// What is wrong with it that its own schema can't say.
    #[must_use]
    pub fn violations(&self, timing: Timing) -> Vec<Violation> {
        let mut found = Vec::new();
        if let Err(inner) = Schema::compile(&self.schema) {
            found.push(Violation::new(format!("/schema{}", inner.pointer), inner.detail));
        }
        found.extend(self.target.violations("/target"));
        let longest = timing.target().as_secs();
        if self.timeout_seconds.is_some_and(|seconds| u64::from(seconds) > longest) {
            found.push(Violation::new(
                "/timeout_seconds",
                format!("is over {longest}, this stack's limit"),
            ));
        }
        found
    }

    /// How long the target may take for one attempt: what the kind says, or 30 seconds, within the stack's limit.
    #[must_use]
    pub fn timeout(&self, timing: Timing) -> Duration {
        const DEFAULT: Duration = Duration::from_secs(30);
        self.timeout_seconds
            .map_or(DEFAULT, |seconds| Duration::from_secs(seconds.into()))
            .min(timing.target())
    }

    /// How long a job is shown after it finished.
    #[must_use]
    pub fn retention(&self) -> Duration {
        Duration::from_secs(self.retention_seconds.into())
    }
}

/// A kind as Tollgate keeps it.
#[derive(Clone, Debug)]
pub struct Kind {
    /// Its name.
    pub name: Name,
    /// Another one after every change, so that what was made of it (a compiled schema) can be kept by it.
    pub version: String,
    /// What the operator said.
    pub spec: KindSpec,
    /// Whether it takes no more jobs, since its target answered 410. A `PUT` enables it.
    pub disabled: bool,
    /// When it was first made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}
