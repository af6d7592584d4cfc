//! The `records` target: one transaction on Tollgate's own tables.

use model::{
    job::{ErrorCode, Job, Outcome, Payload},
    records::{Changes, Effect, Precondition},
    time::Time,
};
use serde_json::{json, value::to_raw_value};
use store::{Applied, RowStore};

use crate::{
    context::Invocation,
    outcome::{fail, retry},
};

/// Applies a payload's activities in one transaction. The result depends on the payload alone: an
/// attempt that finds them applied by an earlier one, whose worker crashed, returns the same
/// result.
///
/// The marker of an applied job is kept until `marker_until`, the last time at which the job can be
/// attempted again: queue retention plus the kind's retention.
pub async fn apply(
    rows: &RowStore,
    job: &Job,
    payload: &Payload,
    marker_until: Time,
    invocation: Invocation<'_>,
) -> Outcome {
    let Changes { effects, inserted, deleted } = match Changes::parse(&payload.0, "") {
        Ok(changes) => changes,
        Err(violations) => {
            let first =
                violations.first().map(|first| format!("{} {}", first.pointer, first.detail));
            let message = format!("invalid payload for tables: {}", first.unwrap_or_default());
            return fail(ErrorCode::PayloadInvalid, &message);
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
            tracing::error!(
                request.id = invocation.request_id, account = %job.account, job = %job.id,
                attempt = job.attempts, cause = %error,
                "applying changes failed"
            );
            retry(ErrorCode::GatewayUnavailable, "the gateway could not write its tables")
        }
    }
}

/// Names the activity and table but not the row: the client chooses its key, which can be long.
fn conflict(effect: &Effect) -> String {
    let Effect { table, activity, before, .. } = effect;
    match before {
        Precondition::Absent => {
            format!(
                "nothing was applied: the row that activity {activity} inserts into {table} \
                 is there already"
            )
        }
        Precondition::AbsentOrHas(_) => {
            format!(
                "nothing was applied: the row that activity {activity} deletes from {table} \
                 has other values"
            )
        }
    }
}
