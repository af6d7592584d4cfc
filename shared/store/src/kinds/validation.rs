use std::sync::Arc;

use model::{job::Payload, name::Name, time::Time, violation::Violation};
use serde_json::Value;

use super::{CachedKind, KindRejection, KindStore};
use crate::Error;

/// Why a job can't be created.
#[derive(Debug, thiserror::Error)]
pub enum InvalidJob {
    /// The kind is unknown, or rejects the job.
    #[error("the job violates {} rules", .0.len())]
    Violations(Vec<Violation>),
    #[error(transparent)]
    Store(#[from] Error),
}

impl KindStore {
    /// Returns the kind of a job to create, if it exists, accepts jobs and its schema accepts the
    /// payload, given as text and as JSON. The pointers of violations start with `prefix`.
    ///
    /// # Errors
    /// When the kind rejects the job, or the table can't be read.
    pub async fn validate_job(
        &self,
        kind: &Name,
        payload: &Payload,
        json: &Value,
        prefix: &str,
        now: Time,
    ) -> Result<Arc<CachedKind>, InvalidJob> {
        let invalid_kind =
            |why: &str| InvalidJob::Violations(vec![Violation::new(format!("{prefix}/kind"), why)]);
        let known = if kind.is_reserved() { None } else { self.cached(kind, now).await? };
        let kind = known.ok_or_else(|| invalid_kind("unknown kind"))?;
        match kind.check_job(payload, json, &format!("{prefix}/payload")) {
            Ok(()) => Ok(kind),
            Err(KindRejection::Payload(violations)) => Err(InvalidJob::Violations(violations)),
            Err(KindRejection::Disabled) => {
                Err(invalid_kind("is disabled because its target returned 410"))
            }
            Err(KindRejection::Schema(why)) => {
                Err(invalid_kind(&format!("has an unsupported schema: {why}")))
            }
        }
    }
}
