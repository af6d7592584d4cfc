//! Validates a request for a job.

use api::JobRequest;
use model::{
    id::{self, AccountId},
    time::Time,
    violation::Violation,
};
use runtime::telemetry::Traceparent;
use serde_json::Value;
use store::{AccountStore, InvalidJob, KindStore};
use tollgate_http::Caller;

use super::new_job::NewJob;
use crate::error::SubmitError;

/// The account of the request. An account named by an `admin` must exist.
pub async fn resolve_account(
    accounts: &AccountStore,
    caller: &Caller,
    requested: Option<AccountId>,
    prefix: &str,
    now: Time,
) -> Result<AccountId, SubmitError> {
    let account = caller.target_account(requested)?;
    if account != caller.account() && accounts.get_cached(account, now).await?.is_none() {
        let unknown = Violation::new(format!("{prefix}/account"), "unknown account");
        return Err(SubmitError::Invalid(vec![unknown]));
    }
    Ok(account)
}

/// Builds the requested job. Fails with all violations of the request at once. `payload` is the
/// parsed payload, and `prefix` the request's pointer in the body.
pub async fn validate(
    kinds: &KindStore,
    account: AccountId,
    request: JobRequest,
    payload: &Value,
    prefix: &str,
    trace: Option<Traceparent>,
    now: Time,
) -> Result<NewJob, SubmitError> {
    let mut violations = request.violations(prefix, now);
    let kind = &request.kind;
    match kinds.validate_job(kind, &request.payload, payload, prefix, now).await {
        Ok(kind) if violations.is_empty() => {
            Ok(NewJob::new(account, id::generate(now, rand::random()), request, kind, trace))
        }
        Ok(_) => Err(SubmitError::Invalid(violations)),
        Err(InvalidJob::Violations(more)) => {
            violations.extend(more);
            Err(SubmitError::Invalid(violations))
        }
        Err(InvalidJob::Store(error)) => Err(error.into()),
    }
}
