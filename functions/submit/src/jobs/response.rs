use api::JobBody;
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use model::{
    id::AccountId,
    job::{CompletionTimes, retry_after},
    time::Time,
};

use super::create::Submitted;
use crate::idempotency::replayed_header;

/// The response to `POST /v1/jobs`.
pub fn accepted(caller: AccountId, Submitted { job, replayed }: Submitted, now: Time) -> Response {
    let job = job.as_accepted();
    let wait = retry_after(&job, CompletionTimes::default(), now).unwrap_or(1);
    let body = JobBody::for_caller(caller, job);
    let headers =
        [(header::LOCATION, body.links.this.clone()), (header::RETRY_AFTER, wait.to_string())];
    (StatusCode::ACCEPTED, headers, replayed_header(replayed), Json(body)).into_response()
}
