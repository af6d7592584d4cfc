use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr,
        schema::{AnyOfBuilder, ObjectBuilder, Schema, SchemaType},
    },
};

use super::{JobBody, JobRequest, ProblemBody};

/// The body of `POST /v1/jobs/batch`.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// The jobs, each as `POST /v1/jobs` takes it. One that breaks a rule is refused alone.
    #[schema(value_type = Vec<BatchJob>, min_items = 1, max_items = 100)]
    pub jobs: Vec<Box<RawValue>>,
}

/// What a batch may hold: jobs, and whatever else, since one that is none is refused alone.
#[derive(Debug)]
pub struct BatchJob;

impl PartialSchema for BatchJob {
    fn schema() -> RefOr<Schema> {
        let other = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        let other = other.description(Some("Anything else is refused alone, with status 422."));
        AnyOfBuilder::new().item(Ref::from_schema_name(JobRequest::name())).item(other).into()
    }
}

impl ToSchema for BatchJob {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("BatchJob")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((JobRequest::name().into_owned(), JobRequest::schema()));
        JobRequest::schemas(schemas);
    }
}

/// What became of a batch's jobs, in the order in which they were given.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BatchBody {
    /// One for each job.
    pub items: Vec<BatchItem>,
}

/// What became of one job of a batch.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BatchItem {
    /// 202: it is stored and queued. 422: it breaks the contract. 503: it could not be stored; repeat it.
    #[schema(examples(202))]
    pub status: u16,
    /// The job, if it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobBody>,
    /// What is wrong, if it wasn't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
}

impl BatchItem {
    /// A job that was accepted.
    #[must_use]
    pub const fn accepted(job: JobBody) -> Self {
        Self { status: 202, job: Some(job), problem: None }
    }

    /// A job that was not.
    #[must_use]
    pub const fn refused(problem: ProblemBody) -> Self {
        Self { status: problem.status, job: None, problem: Some(problem) }
    }
}
