//! `GET /v1/jobs/{id}`.

mod etag;
mod response;
mod wait;

use std::sync::Arc;

use api::{JobBody, parameter};
use axum::{extract::State, response::Response};
use http::{HeaderMap, header};
use model::{
    id::JobId,
    job::{CompletionTimes, Job, retry_after},
    time::Time,
};
use tollgate_http::{ApiError, Caller, PathParam, Query};

use crate::{
    jobs::Jobs,
    long_poll::{Waiter, preferred_wait},
};

/// Get a job.
///
/// While the job isn't finished, `Retry-After` says when to poll again, based on recent completion
/// times of its kind. With `Prefer: wait=N`, the response is held until the job is finished, for at
/// most 20 seconds; with `If-None-Match` as well, until the job changes. If too many requests are
/// waiting, it is held for less time, as `Preference-Applied` says, or not at all; then that header
/// is missing.
#[utoipa::path(
    get, path = "/v1/jobs/{id}", tag = "jobs", operation_id = "getJob",
    params(
        ("id" = parameter::JobId, Path, description = "The token"),
        parameter::JobAccount,
        parameter::IfNoneMatch,
        parameter::PreferWait,
    ),
    responses(
        (status = 200, description = "The job", body = JobBody, headers(
            ("ETag" = String, description = "Changes with every change of the job"),
            (
                "Retry-After" = u64,
                description = "Seconds to wait before polling again, until the job is finished"
            ),
            (
                "Preference-Applied" = String,
                description = "`wait=N` if the response was held for up to `N` seconds"
            ),
        )),
        (status = 304, description = "The job has not changed"),
    ),
)]
pub async fn get(
    State(jobs): State<Arc<Jobs>>,
    caller: Caller,
    PathParam(id): PathParam<JobId>,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let account = caller.target_account(query.account()?)?;
    query.reject_unknown()?;
    let if_none_match = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut waiter = Waiter::new(&jobs.long_polls, caller.account(), preferred_wait(&headers));
    let job = wait::wait_for_change(&jobs, account, id, if_none_match, &mut waiter).await;
    let wait_result = waiter.end().await;
    let job = job?;
    let now = jobs.clock.now();
    let completion_times = completion_times(&jobs, &job, now).await;
    let retry_after = wait_result.retry_after(retry_after(&job, completion_times, now));
    Ok(response::job(caller.account(), job, if_none_match, retry_after, wait_result.applied()))
}

/// Completion times of the job's kind, unless the job is finished. A failed read must not fail the
/// request.
async fn completion_times(jobs: &Jobs, job: &Job, now: Time) -> CompletionTimes {
    if job.status.is_terminal() {
        return CompletionTimes::default();
    }
    jobs.completion_times.read(job.account, &job.kind, now).await.unwrap_or_default()
}
