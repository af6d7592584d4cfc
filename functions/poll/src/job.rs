//! `GET /v1/jobs/{id}`.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, StatusCode, header};
use shared::{
    api::{AnyProblem, JobBody, Problem, parameter},
    gate::{Caller, Failure, Named, Query},
    id::{AccountId, JobId},
    job::{Job, Pace, retry_after},
    time::Time,
};

use crate::{
    App,
    wait::{ETag, wanted_wait},
    waiter::{Waited, Waiter},
};

/// Up to which age a job that isn't found is read again, strongly consistently, in seconds: its client may ask before every replica has
/// it. The read at half the price is good enough otherwise; it shows a change a moment late.
const YOUNG_SECONDS: u64 = 5;

/// Ask for a job.
///
/// While the job isn't finished, `Retry-After` says when it pays to ask again, from how long jobs of its kind really take. With
/// `Prefer: wait=N` the answer is held, for at most 20 seconds, until the job is finished; with `If-None-Match` as well, until it
/// changed. Where too many requests wait already, it is held for less time, which
/// `Preference-Applied` shows, or not at all: then that field is missing.
#[utoipa::path(
    get, path = "/v1/jobs/{id}", tag = "jobs", operation_id = "getJob",
    security(("key" = ["jobs:read"])),
    params(
        ("id" = parameter::JobId, Path, description = "The token"),
        ("account" = Option<parameter::AccountId>, Query, description = "Whose job it is, if not the key's account's. Only for `admin`."),
        parameter::IfNoneMatch,
        parameter::PreferWait,
    ),
    responses(
        (status = 200, description = "The job", body = JobBody, headers(
            ("ETag" = String, description = "Another one after every change"),
            ("Retry-After" = u64, description = "When to ask again, in seconds, while it isn't finished"),
            ("Preference-Applied" = String, description = "`wait=N` if it was held for up to `N` seconds"),
        )),
        (status = 304, description = "It is as you have it"),
        AnyProblem,
    ),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(id): Named<JobId>,
    mut query: Query,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let account = caller.acting_for(query.account()?)?;
    query.end()?;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut waiter = Waiter::new(&app, caller.account(), wanted_wait(&headers));
    let job = app.await_news(account, id, known, &mut waiter).await;
    let waited = waiter.end().await;
    let job = job?;
    let now = app.clock.now();
    let pace = if job.status.is_terminal() { Pace::default() } else { app.pace(&job, now).await };
    Ok(answer(caller.account(), job, pace, known, waited, now))
}

fn answer(
    caller: AccountId,
    job: Job,
    pace: Pace,
    known: Option<&str>,
    waited: Waited,
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
        (headers, Json(JobBody::shown_to(caller, job))).into_response()
    }
}

impl App {
    /// The job, if the account has it and it is still shown.
    pub(crate) async fn read(&self, account: AccountId, id: JobId) -> Result<Job, Failure> {
        let now = self.clock.now();
        let mut job = self.jobs.find(account, id, false, now).await?;
        if job.is_none() && now.since(shared::id::time_of(&id)).as_secs() < YOUNG_SECONDS {
            job = self.jobs.find(account, id, true, now).await?;
        }
        job.ok_or_else(|| Problem::NotFound.into())
    }

    /// What isn't known doesn't keep the client from its answer.
    async fn pace(&self, job: &Job, now: Time) -> Pace {
        self.paces.pace(job.account, &job.kind, now).await.unwrap_or_default()
    }
}
