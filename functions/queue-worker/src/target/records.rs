//! The `records` target: one transaction on Tollgate's own tables.

use serde_json::{json, value::to_raw_value};
use shared::{
    aws::{Applied, RowStore},
    job::{ErrorCode, Job, Outcome, Payload},
    records::{Before, Changes, Effect},
    time::Time,
};

use crate::{
    Invocation,
    attempt::{fail, retry},
};

/// Applies a payload's activities. What comes of it follows from the payload alone, so that an attempt that finds them applied by one before it,
/// whose worker couldn't tell any more, answers as that one would have.
///
/// `marker_until` is how long a job can be attempted again: as long as it may wait, run and be shown.
pub async fn apply(
    rows: &RowStore,
    job: &Job,
    payload: &Payload,
    marker_until: Time,
    invocation: Invocation<'_>,
) -> Outcome {
    let Changes { effects, inserted, deleted } = match Changes::read(&payload.0, "") {
        Ok(changes) => changes,
        Err(violations) => {
            let first =
                violations.first().map(|first| format!("{} {}", first.pointer, first.detail));
            let why =
                format!("the payload can't be applied to tables: {}", first.unwrap_or_default());
            return fail(ErrorCode::PayloadInvalid, &why);
        }
    };
    match rows.apply(job.account, job.id, &effects, marker_until).await {
        Ok(Applied::Done) => to_raw_value(&json!({"inserted": inserted, "deleted": deleted}))
            .map_or_else(
                |_| retry(ErrorCode::GatewayUnavailable, "the gateway could not write the result"),
                Outcome::Complete,
            ),
        Ok(Applied::Conflict { effect }) => {
            fail(ErrorCode::RowConflict, &effects.get(effect).map(conflict).unwrap_or_default())
        }
        Err(error) => {
            tracing::error!(request.id = invocation.request, account = %job.account, job = %job.id, attempt = job.attempts, cause = %error, "changes could not be applied");
            retry(ErrorCode::GatewayUnavailable, "the gateway could not write its tables")
        }
    }
}

/// Names the activity and its table, and not the row: its key is the client's, and can be long.
fn conflict(effect: &Effect) -> String {
    let Effect { table, activity, before, .. } = effect;
    match before {
        Before::Absent => {
            format!(
                "nothing was applied: the row that activity {activity} inserts into {table} is there already"
            )
        }
        Before::AbsentOrHas(_) => {
            format!(
                "nothing was applied: the row that activity {activity} deletes from {table} has other values"
            )
        }
    }
}
