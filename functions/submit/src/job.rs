//! `POST /v1/jobs`.

use std::{sync::Arc, time::Duration};

use api::{JobBody, JobRequest, Problem, parameter};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, StatusCode, header};
use model::{
    id::{self, AccountId, JobId},
    job::{CompletionTimes, Job, Status, retry_after},
    time::Time,
};
use runtime::telemetry::Traceparent;
use store::{BeginResult, IdempotencyKey, InvalidJob};
use tollgate_http::{ApiError, Contract, JsonBody, MaybeReplay, Query, RequestId, fingerprint};

use crate::{App, create::NewJob, error::SubmitError, idempotency};

/// How long a first request can be under way: the function's timeout.
pub const MAX_REQUEST_TIME: Duration = Duration::from_secs(10);

/// Compiles the schema of the request body.
pub fn compile_contract() {
    JobRequest::schema();
}

/// Submit a job.
///
/// The response is sent once the job is stored and queued. Poll with the job's id. With an
/// `Idempotency-Key`, you can repeat the request safely after any failure.
#[utoipa::path(
    post, path = "/v1/jobs", tag = "jobs", operation_id = "submitJob",
    params(
        parameter::IdempotencyKey,
        parameter::Traceparent,
    ),
    request_body(
        content = JobRequest,
        example = json!({"kind": "echo", "payload": {"hello": "world"}})
    ),
    responses(
        (
            status = 202, description = "The job is stored and queued", body = JobBody,
            headers(
                ("Location" = String, description = "URL to poll"),
                ("Retry-After" = u64, description = "Seconds to wait before the first poll"),
                (
                    "Idempotency-Replayed" = bool,
                    description = "`true` if an earlier request created the job"
                )
            )
        ),
    ),
)]
pub async fn submit(
    State(app): State<Arc<App>>,
    repeater: MaybeReplay,
    Extension(RequestId(request)): Extension<RequestId>,
    headers: HeaderMap,
    query: Query,
    JsonBody { value: wanted, json, text }: JsonBody<JobRequest>,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    let key = idempotency::key(&headers)?;
    let trace = trace(&headers);
    let (caller, now) = (&repeater.0, app.clock.now());
    let account = app.resolve_account(caller, wanted.account, "", now).await?;
    let repeat =
        key.map(|key| IdempotencyToken { key, fingerprint: fingerprint("POST /v1/jobs", &text) });
    app.refuse_new(&repeater, account, repeat.as_ref(), now).await?;

    let new = app.validate(account, wanted, &json["payload"], "", trace.clone(), now).await;
    let (job, replayed) = app.create_once(account, new, repeat.as_ref(), trace, now).await?;
    tracing::info!(
        request.id = request, %account, job = %job.id, kind = %job.kind, replayed,
        "job accepted"
    );
    Ok(accepted(caller.account(), job, replayed, now))
}

pub fn trace(headers: &HeaderMap) -> Option<Traceparent> {
    let field = |name: &str| headers.get(name)?.to_str().ok();
    Traceparent::from_headers(field("traceparent"), field("x-amzn-trace-id"))
}

/// Identifies repeats of a request.
pub struct IdempotencyToken {
    pub key: IdempotencyKey,
    pub fingerprint: String,
}

fn accepted(caller: AccountId, job: Job, replayed: bool, now: Time) -> Response {
    let job = job.as_accepted();
    let wait = retry_after(&job, CompletionTimes::default(), now).unwrap_or(1);
    let body = JobBody::for_caller(caller, job);
    let mut headers =
        vec![(header::LOCATION, body.links.this.clone()), (header::RETRY_AFTER, wait.to_string())];
    if replayed {
        headers.push((HeaderName::from_static("idempotency-replayed"), "true".to_owned()));
    }
    let headers: HeaderMap =
        headers.into_iter().filter_map(|(name, value)| Some((name, value.parse().ok()?))).collect();
    (StatusCode::ACCEPTED, headers, Json(body)).into_response()
}

impl App {
    /// Builds the requested job. Fails with all violations of the request at once.
    pub(crate) async fn validate(
        &self,
        account: AccountId,
        wanted: JobRequest,
        payload: &serde_json::Value,
        prefix: &str,
        trace: Option<Traceparent>,
        now: Time,
    ) -> Result<NewJob, SubmitError> {
        let mut violations = wanted.violations(prefix, now);
        let kind = &wanted.kind;
        match self.kinds.validate_job(kind, &wanted.payload, payload, prefix, now).await {
            Ok(kind) if violations.is_empty() => {
                Ok(NewJob::new(account, id::generate(now, rand::random()), wanted, kind, trace))
            }
            Ok(_) => Err(SubmitError::Invalid(violations)),
            Err(InvalidJob::Violations(more)) => {
                violations.extend(more);
                Err(SubmitError::Invalid(violations))
            }
            Err(InvalidJob::Store(error)) => Err(error.into()),
        }
    }

    /// Creates the validated job, unless an earlier request with the same key created it. Returns
    /// `true` if one did.
    pub(crate) async fn create_once(
        &self,
        account: AccountId,
        new: Result<NewJob, SubmitError>,
        repeat: Option<&IdempotencyToken>,
        trace: Option<Traceparent>,
        now: Time,
    ) -> Result<(Job, bool), SubmitError> {
        let (job, replayed) = match new {
            Ok(new) => self.submit(new, repeat, now).await?,
            // An accepted job stays accepted, even if its kind has changed since.
            Err(SubmitError::Invalid(violations)) => {
                let earlier = self.find_earlier(account, repeat, now).await?;
                (earlier.ok_or(SubmitError::Invalid(violations))?, true)
            }
            Err(other) => return Err(other),
        };
        if replayed {
            self.resend(&job, trace, now).await?;
        }
        Ok((job, replayed))
    }

    /// Creates the job, unless an earlier request with the same key did.
    async fn submit(
        &self,
        mut order: NewJob,
        repeat: Option<&IdempotencyToken>,
        now: Time,
    ) -> Result<(Job, bool), ApiError> {
        if let Some(repeat) = repeat {
            let kept = Some(now + IdempotencyKey::KEPT);
            match self.reserve_key(&order.job, repeat, now).await? {
                EarlierRequest::NotFound => order.job.kept_until = kept,
                EarlierRequest::Reserved(earlier) => order = order.with_id(earlier, kept),
                EarlierRequest::Created(job) => return Ok((*job, true)),
            }
        }
        self.accept(&order, repeat.is_some()).await?;
        Ok((order.job, false))
    }

    /// Reserves the idempotency key.
    async fn reserve_key(
        &self,
        job: &Job,
        repeat: &IdempotencyToken,
        now: Time,
    ) -> Result<EarlierRequest, ApiError> {
        let IdempotencyToken { key, fingerprint } = repeat;
        match self.idempotency.begin(job.account, key, fingerprint, job.id, None, now).await? {
            BeginResult::First => Ok(EarlierRequest::NotFound),
            BeginResult::DifferentRequest => Err(Problem::IdempotencyKeyReused.into()),
            BeginResult::Repeated { id: earlier, since, .. } => {
                match self.jobs.get_consistent(job.account, earlier).await? {
                    Some((found, _)) => Ok(EarlierRequest::Created(Box::new(found))),
                    None if now.since(since) < MAX_REQUEST_TIME => {
                        Err(Problem::IdempotencyInProgress.into())
                    }
                    // The first request stopped after reserving the key; this one creates the job.
                    None => Ok(EarlierRequest::Reserved(earlier)),
                }
            }
        }
    }

    /// The job that an earlier request with the same key created.
    async fn find_earlier(
        &self,
        account: AccountId,
        repeat: Option<&IdempotencyToken>,
        now: Time,
    ) -> Result<Option<Job>, ApiError> {
        let Some(IdempotencyToken { key, fingerprint }) = repeat else { return Ok(None) };
        let Some(id) = self.idempotency.find(account, key, fingerprint, now).await? else {
            return Ok(None);
        };
        Ok(self.jobs.get_consistent(account, id).await?.map(|(job, _)| job))
    }

    /// Sends the message of a repeated request's job again if no attempt has started, since the
    /// first request may have failed before sending it. A duplicate message does no harm.
    pub(crate) async fn resend(
        &self,
        job: &Job,
        trace: Option<Traceparent>,
        now: Time,
    ) -> Result<(), ApiError> {
        if job.status == Status::Queued && job.attempts == 0 {
            self.dispatch(job, trace, now).await?;
        }
        Ok(())
    }
}

/// Progress of earlier requests with the same key.
enum EarlierRequest {
    NotFound,
    /// A request reserved this ID but created no job.
    Reserved(JobId),
    /// A request created this job.
    Created(Box<Job>),
}
