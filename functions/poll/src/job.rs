//! `GET /v1/jobs/{id}`.

use std::sync::Arc;

use api::{JobBody, Problem, parameter};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, StatusCode, header};
use model::{
    id::{AccountId, JobId},
    job::{CompletionTimes, Job, retry_after},
    time::Time,
};
use tollgate_http::{ApiError, Caller, PathParam, Query};

use crate::{
    App,
    wait::{ETag, preferred_wait},
    waiter::{WaitResult, Waiter},
};

/// Maximum age in seconds of a job that is read again with strong consistency if it isn't found. A
/// client may poll before every replica has the job. Otherwise an eventually consistent read at
/// half the price is enough; it may show a change slightly late.
const YOUNG_SECONDS: u64 = 5;

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
        (
            "account" = Option<parameter::AccountId>, Query,
            description = "The job's account; defaults to the key's account. Others require \
                `admin`."
        ),
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
    State(app): State<Arc<App>>,
    caller: Caller,
    PathParam(id): PathParam<JobId>,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let account = caller.target_account(query.account()?)?;
    query.reject_unknown()?;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut waiter = Waiter::new(&app, caller.account(), preferred_wait(&headers));
    let job = app.await_change(account, id, known, &mut waiter).await;
    let waited = waiter.end().await;
    let job = job?;
    let now = app.clock.now();
    let pace = if job.status.is_terminal() {
        CompletionTimes::default()
    } else {
        app.completion_times(&job, now).await
    };
    Ok(job_response(caller.account(), job, pace, known, waited, now))
}

fn job_response(
    caller: AccountId,
    job: Job,
    pace: CompletionTimes,
    known: Option<&str>,
    waited: WaitResult,
    now: Time,
) -> Response {
    let etag = ETag::of(&job);
    let retry_after = waited.retry_after(retry_after(&job, pace, now));
    let fields = [
        (header::ETAG, Some(etag.to_string())),
        (header::CACHE_CONTROL, Some("private, no-cache".to_owned())),
        (header::RETRY_AFTER, retry_after.map(|seconds| seconds.to_string())),
        (HeaderName::from_static("preference-applied"), waited.applied()),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?.parse().ok()?)));
    let headers: HeaderMap = fields.collect();
    if known.is_some_and(|known| etag.is_among(known)) {
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        (headers, Json(JobBody::for_caller(caller, job))).into_response()
    }
}

impl App {
    /// The job, if the account has it and its retention hasn't ended.
    pub(crate) async fn read(&self, account: AccountId, id: JobId) -> Result<Job, ApiError> {
        let now = self.clock.now();
        let mut job = self.jobs.get(account, id, false, now).await?;
        if job.is_none() && now.since(model::id::time_of(&id)).as_secs() < YOUNG_SECONDS {
            job = self.jobs.get(account, id, true, now).await?;
        }
        job.ok_or_else(|| Problem::NotFound.into())
    }

    /// A failed read of completion times must not fail the request.
    async fn completion_times(&self, job: &Job, now: Time) -> CompletionTimes {
        self.paces.read(job.account, &job.kind, now).await.unwrap_or_default()
    }
}
