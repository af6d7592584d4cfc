//! `POST /v1/jobs`.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, StatusCode, header};
use shared::{
    api::{
        AnyProblem, BodyProblem, JobBody, JobRequest, Problem, RepeatProblem, SpendingProblem,
        parameter,
    },
    aws::{Begun, IdempotencyKey},
    gate::{Contract, Failure, JsonBody, Query, Repeater, RequestId, fingerprint},
    id::{self, AccountId, JobId},
    job::{Job, Pace, Status, retry_after},
    schema::Violation,
    telemetry::Traceparent,
    time::Time,
};

use crate::{App, accept::Order, idempotency};

/// How long a first request can be under way: the function's timeout.
pub const UNDER_WAY: Duration = Duration::from_secs(10);

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
    security(("key" = ["jobs:write"])),
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
            links(
                ("getJob" = (operation_id = "getJob", parameters(("id" = "$response.body#/id")))),
                ("cancelJob" = (
                    operation_id = "cancelJob",
                    parameters(("id" = "$response.body#/id"))
                )),
                ("retryJob" = (
                    operation_id = "retryJob",
                    parameters(("id" = "$response.body#/id"))
                )),
                ("listAttempts" = (
                    operation_id = "listAttempts",
                    parameters(("id" = "$response.body#/id"))
                ))
            ),
            headers(
                ("Location" = String, description = "URL to poll"),
                ("Retry-After" = u64, description = "Seconds to wait before the first poll"),
                (
                    "Idempotency-Replayed" = bool,
                    description = "`true` if an earlier request created the job"
                )
            )
        ),
        AnyProblem, BodyProblem, RepeatProblem, SpendingProblem,
    ),
)]
pub async fn submit(
    State(app): State<Arc<App>>,
    repeater: Repeater,
    Extension(RequestId(request)): Extension<RequestId>,
    headers: HeaderMap,
    query: Query,
    JsonBody { value: wanted, json, text }: JsonBody<JobRequest>,
) -> Result<Response, Failure> {
    query.end()?;
    let key = idempotency::key(&headers)?;
    let trace = trace(&headers);
    let (caller, now) = (&repeater.0, app.clock.now());
    let account = app.account_of(caller, wanted.account, "", now).await?;
    let account = account.map_err(|violation| Problem::InvalidBody(vec![violation]))?;
    let repeat = key.map(|key| Repeat { key, fingerprint: fingerprint("POST /v1/jobs", &text) });
    app.refuse_new(&repeater, account, repeat.as_ref(), now).await?;

    let asked = app.order(account, wanted, &json["payload"], "", trace.clone(), now).await?;
    let made = app.make(account, asked, repeat.as_ref(), trace, now).await?;
    let (job, replayed) = made.map_err(Problem::InvalidBody)?;
    tracing::info!(
        request.id = request, %account, job = %job.id, kind = %job.kind, replayed,
        "job accepted"
    );
    Ok(accepted(caller.account(), job, replayed, now))
}

pub fn trace(headers: &HeaderMap) -> Option<Traceparent> {
    let field = |name: &str| headers.get(name)?.to_str().ok();
    Traceparent::of(field("traceparent"), field("x-amzn-trace-id"))
}

/// Identifies repeats of a request.
pub struct Repeat {
    pub key: IdempotencyKey,
    pub fingerprint: String,
}

fn accepted(caller: AccountId, job: Job, replayed: bool, now: Time) -> Response {
    let job = job.as_accepted();
    let wait = retry_after(&job, Pace::default(), now).unwrap_or(1);
    let body = JobBody::shown_to(caller, job);
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
    /// The requested job, or all violations in the request.
    pub(crate) async fn order(
        &self,
        account: AccountId,
        wanted: JobRequest,
        payload: &serde_json::Value,
        prefix: &str,
        trace: Option<Traceparent>,
        now: Time,
    ) -> Result<Result<Order, Vec<Violation>>, Failure> {
        let mut violations = wanted.violations(prefix, now);
        match self.kind_for(&wanted.kind, &wanted.payload, payload, prefix, now).await? {
            Ok(kind) if violations.is_empty() => {
                Ok(Ok(Order::new(account, id::mint(now, rand::random()), wanted, kind, trace)))
            }
            Ok(_) => Ok(Err(violations)),
            Err(more) => {
                violations.extend(more);
                Ok(Err(violations))
            }
        }
    }

    /// The job and whether an earlier request created it, or the violations in the request.
    pub(crate) async fn make(
        &self,
        account: AccountId,
        asked: Result<Order, Vec<Violation>>,
        repeat: Option<&Repeat>,
        trace: Option<Traceparent>,
        now: Time,
    ) -> Result<Result<(Job, bool), Vec<Violation>>, Failure> {
        let (job, replayed) = match asked {
            Ok(order) => self.submit(order, repeat, now).await?,
            // An accepted job stays accepted, even if its kind has changed since.
            Err(violations) => match self.earlier(account, repeat, now).await? {
                Some(job) => (job, true),
                None => return Ok(Err(violations)),
            },
        };
        if replayed {
            self.send_again(&job, trace, now).await?;
        }
        Ok(Ok((job, replayed)))
    }

    /// Creates the job, unless an earlier request with the same key did.
    async fn submit(
        &self,
        mut order: Order,
        repeat: Option<&Repeat>,
        now: Time,
    ) -> Result<(Job, bool), Failure> {
        if let Some(repeat) = repeat {
            let kept = Some(now + IdempotencyKey::KEPT);
            match self.begin(&order.job, repeat, now).await? {
                Start::New => order.job.kept_until = kept,
                Start::Resumed(earlier) => order = order.renamed(earlier, kept),
                Start::Made(job) => return Ok((*job, true)),
            }
        }
        self.accept(&order, repeat.is_some()).await?;
        Ok((order.job, false))
    }

    /// Reserves the idempotency key.
    async fn begin(&self, job: &Job, repeat: &Repeat, now: Time) -> Result<Start, Failure> {
        let Repeat { key, fingerprint } = repeat;
        match self.idempotency.begin(job.account, key, fingerprint, job.id, None, now).await? {
            Begun::First => Ok(Start::New),
            Begun::Other => Err(Problem::IdempotencyKeyReused.into()),
            Begun::Repeated { id: earlier, since, .. } => {
                match self.jobs.inspect(job.account, earlier).await? {
                    Some((found, _)) => Ok(Start::Made(Box::new(found))),
                    None if now.since(since) < UNDER_WAY => {
                        Err(Problem::IdempotencyInProgress.into())
                    }
                    // The first request stopped after reserving the key; this one creates the job.
                    None => Ok(Start::Resumed(earlier)),
                }
            }
        }
    }

    /// The job that an earlier request with the same key created.
    async fn earlier(
        &self,
        account: AccountId,
        repeat: Option<&Repeat>,
        now: Time,
    ) -> Result<Option<Job>, Failure> {
        let Some(Repeat { key, fingerprint }) = repeat else { return Ok(None) };
        let Some(id) = self.idempotency.find(account, key, fingerprint, now).await? else {
            return Ok(None);
        };
        Ok(self.jobs.inspect(account, id).await?.map(|(job, _)| job))
    }

    /// Sends the message of a repeated request's job again if no attempt has started, since the
    /// first request may have failed before sending it. A duplicate message does no harm.
    pub(crate) async fn send_again(
        &self,
        job: &Job,
        trace: Option<Traceparent>,
        now: Time,
    ) -> Result<(), Failure> {
        if job.status == Status::Queued && job.attempts == 0 {
            self.dispatch(job, trace, now).await?;
        }
        Ok(())
    }
}

/// Progress of earlier requests with the same key.
enum Start {
    New,
    /// A request reserved this ID but created no job.
    Resumed(JobId),
    /// A request created this job.
    Made(Box<Job>),
}
