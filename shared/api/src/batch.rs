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
    /// Jobs, each as in `POST /v1/jobs`. An invalid job is rejected on its own.
    #[schema(value_type = Vec<BatchJob>, min_items = 1, max_items = 100)]
    pub jobs: Vec<Box<RawValue>>,
}

/// Schema of an item of a batch: a job, or anything else, because an invalid item doesn't
/// invalidate the batch.
#[derive(Debug)]
pub struct BatchJob;

impl PartialSchema for BatchJob {
    fn schema() -> RefOr<Schema> {
        let other = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        let other =
            other.description(Some("Any other value is rejected on its own, with status 422."));
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

/// Results of the jobs of a batch, in request order.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BatchBody {
    /// One result per job.
    pub items: Vec<BatchItem>,
}

/// Result of one job of a batch.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BatchItem {
    /// 202: stored and queued. 422: invalid. 503: not stored; repeat it.
    #[schema(examples(202))]
    pub status: u16,
    /// The accepted job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobBody>,
    /// Why the job was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
}

impl BatchItem {
    #[must_use]
    pub const fn accepted(job: JobBody) -> Self {
        Self { status: 202, job: Some(job), problem: None }
    }

    #[must_use]
    pub const fn rejected(problem: ProblemBody) -> Self {
        Self { status: problem.status, job: None, problem: Some(problem) }
    }
}
