//! `POST /v1/jobs`.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, StatusCode, header};
use shared::{
    api::{AnyProblem, BodyProblem, JobBody, JobRequest, Problem},
    aws::{Begun, CachedKind, IdempotencyKey},
    gate::{Caller, Contract, Failure, JsonBody, Query, RequestId, fingerprint},
    id::{self, AccountId, JobId},
    job::{Job, Message, Payload, Status, Timing},
    schema::Violation,
    telemetry::{Record, Traceparent, Unit},
    time::Time,
};

use crate::{App, idempotency};

/// How long a first request can be under way: the function's time-out.
const UNDER_WAY: Duration = Duration::from_secs(10);

/// Compiles the body's schema ahead of the first request.
pub fn compile_contract() {
    JobRequest::schema();
}

/// Submit a job.
///
/// The answer comes as soon as the job is stored and queued; its id is the token to poll with. Send an `Idempotency-Key` to be able
/// to repeat the request safely after any failure.
#[utoipa::path(
    post, path = "/v1/jobs", tag = "jobs", operation_id = "submitJob",
    security(("key" = ["jobs:write"])),
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, kept for 24 hours: the same request with the same key makes no second job and gets the same answer."),
        ("traceparent" = Option<String>, Header, description = "W3C Trace Context; the target gets it."),
    ),
    request_body = JobRequest,
    responses(
        (status = 202, description = "The job is stored and queued", body = JobBody, headers(
            ("Location" = String, description = "Where to poll"),
            ("Retry-After" = u64, description = "When to poll first, in seconds"),
            ("Idempotency-Replayed" = bool, description = "`true` if the job was made by an earlier request"),
        )),
        (status = 409, description = "The first request with this `Idempotency-Key` is still under way", body = shared::api::ProblemBody, content_type = "application/problem+json"),
        AnyProblem, BodyProblem,
    ),
)]
pub async fn submit(
    State(app): State<Arc<App>>,
    caller: Caller,
    Extension(RequestId(request)): Extension<RequestId>,
    headers: HeaderMap,
    query: Query,
    JsonBody { value: wanted, json }: JsonBody<JobRequest>,
) -> Result<Response, Failure> {
    query.end()?;
    let key = idempotency::key(&headers)?;
    let trace = headers.get("traceparent").and_then(|value| value.to_str().ok()?.parse().ok());
    let now = app.clock.now();
    let account = app.account_of(&caller, &wanted, now).await?;
    let repeat = key.map(|key| Repeat { key, fingerprint: fingerprint("POST /v1/jobs", &json) });

    let kind = match app.kind_of(&wanted, &json["payload"], now).await? {
        Ok(kind) => kind,
        Err(violations) => {
            // What was accepted once stays accepted, though its kind may have changed since.
            let Some(job) = app.earlier(account, repeat.as_ref(), now).await? else {
                return Err(Problem::InvalidBody(violations).into());
            };
            app.send_again(&job, trace.as_ref()).await?;
            return Ok(accepted(job, true));
        }
    };
    let (job, replayed) = app.begin(new_job(account, &wanted, &kind, now), repeat.as_ref(), now).await?;
    if replayed {
        app.send_again(&job, trace.as_ref()).await?;
    } else {
        app.accept(&job, &wanted.payload, trace.as_ref(), repeat.is_some()).await?;
        let accepted = Record::new().dimension("kind", job.kind.as_str());
        app.metrics.emit(accepted.metric("Accepted", Unit::Count, [1.0]), now);
    }
    tracing::info!(request.id = request, %account, job = %job.id, kind = %job.kind, replayed, "job accepted");
    Ok(accepted(job, replayed))
}

/// By what a repeated request is known.
struct Repeat {
    key: IdempotencyKey,
    fingerprint: String,
}

fn accepted(job: Job, replayed: bool) -> Response {
    let location = format!("/v1/jobs/{}", job.id);
    let mut headers = vec![(header::LOCATION, location), (header::RETRY_AFTER, "1".to_owned())];
    if replayed {
        headers.push((HeaderName::from_static("idempotency-replayed"), "true".to_owned()));
    }
    let headers: HeaderMap =
        headers.into_iter().filter_map(|(name, value)| Some((name, value.parse().ok()?))).collect();
    (StatusCode::ACCEPTED, headers, Json(JobBody::from(job.as_accepted()))).into_response()
}

fn new_job(account: AccountId, wanted: &JobRequest, kind: &CachedKind, now: Time) -> Job {
    let id: JobId = id::mint(now, rand::random());
    Job {
        id,
        account,
        kind: wanted.kind.clone(),
        status: Status::Queued,
        priority: wanted.priority,
        attempts: 0,
        max_attempts: kind.kind.spec.retry.max_attempts,
        run_at: now,
        started_at: None,
        attempt_started_at: None,
        finished_at: None,
        next_attempt_at: None,
        expires_at: Timing::unfinished_expiry(now),
        kept_until: None,
        cancel_requested: false,
        metadata: wanted.metadata.clone(),
        result: None,
        error: None,
        history: Vec::new(),
    }
}

/// The same job under the id that its first request gave it, and with that one's time.
fn renamed(job: Job, id: JobId) -> Job {
    let run_at = id::time_of(&id);
    Job { id, run_at, expires_at: Timing::unfinished_expiry(run_at), ..job }
}

impl App {
    async fn account_of(
        &self,
        caller: &Caller,
        wanted: &JobRequest,
        now: Time,
    ) -> Result<AccountId, Failure> {
        let account = caller.acting_for(wanted.account)?;
        if account != caller.account() && self.accounts.account(account, now).await?.is_none() {
            return Err(Problem::InvalidBody(vec![Violation::new("/account", "is not an account")]).into());
        }
        Ok(account)
    }

    /// The kind, which must exist, take jobs, and find nothing wrong with the payload; or what is wrong.
    async fn kind_of(
        &self,
        wanted: &JobRequest,
        payload: &serde_json::Value,
        now: Time,
    ) -> Result<Result<Arc<CachedKind>, Vec<Violation>>, Failure> {
        let unfit = |why: &str| Ok(Err(vec![Violation::new("/kind", why)]));
        let Some(kind) = self.kinds.cached(&wanted.kind, now).await? else {
            return unfit("is not a kind that is defined here");
        };
        if kind.kind.disabled {
            return unfit("is disabled, since its target answered 410; an operator can put it again");
        }
        let violations = match kind.schema() {
            Ok(schema) => schema.violations(payload, "/payload"),
            Err(error) => {
                return unfit(&format!("has a schema that this version can't use: {}", error.detail));
            }
        };
        Ok(if violations.is_empty() { Ok(kind) } else { Err(violations) })
    }

    /// Records the request as begun, if it can be repeated: the job to make, or the one that the same request made before.
    async fn begin(&self, mut job: Job, repeat: Option<&Repeat>, now: Time) -> Result<(Job, bool), Failure> {
        let Some(Repeat { key, fingerprint }) = repeat else { return Ok((job, false)) };
        job.kept_until = Some(now + IdempotencyKey::KEPT);
        match self.idempotency.begin(job.account, key, fingerprint, job.id, now).await? {
            Begun::First => Ok((job, false)),
            Begun::Other => Err(Problem::IdempotencyKeyReused.into()),
            Begun::Repeated { job: earlier, since } => match self.jobs.inspect(job.account, earlier).await? {
                Some((found, _)) => Ok((found, true)),
                None if now.since(since) < UNDER_WAY => Err(Problem::IdempotencyInProgress.into()),
                // The first request got no further than its record: this one completes it.
                None => Ok((renamed(job, earlier), false)),
            },
        }
    }

    /// The job that the same request made before, if it did.
    async fn earlier(
        &self,
        account: AccountId,
        repeat: Option<&Repeat>,
        now: Time,
    ) -> Result<Option<Job>, Failure> {
        let Some(Repeat { key, fingerprint }) = repeat else { return Ok(None) };
        let Some(id) = self.idempotency.find(account, key, fingerprint, now).await? else { return Ok(None) };
        Ok(self.jobs.inspect(account, id).await?.map(|(job, _)| job))
    }

    /// Stores and queues a job, side by side; both are there when this succeeds.
    ///
    /// If either fails, the client hears so and nothing is promised. A job that only this request knows is taken back. One with an
    /// `Idempotency-Key` stays, because its repeat may have seen it already and promised it: that repeat sends its message again.
    async fn accept(
        &self,
        job: &Job,
        payload: &Payload,
        trace: Option<&Traceparent>,
        repeatable: bool,
    ) -> Result<(), Failure> {
        let message = message(job);
        let (stored, sent) = tokio::join!(self.jobs.put(job, payload), self.queue.send(&message, trace));
        let Err(error) = stored.and(sent) else { return Ok(()) };
        if !repeatable && let Err(kept) = self.jobs.take_back(job, payload).await {
            tracing::warn!(account = %job.account, job = %job.id, cause = %kept, "a job that was refused could not be taken back");
        }
        Err(error.into())
    }

    /// A repeat finds its job. If that waits for its first attempt, its message may never have been sent: one too many does no harm.
    async fn send_again(&self, job: &Job, trace: Option<&Traceparent>) -> Result<(), Failure> {
        if job.status == Status::Queued && job.attempts == 0 {
            self.queue.send(&message(job), trace).await?;
        }
        Ok(())
    }
}

fn message(job: &Job) -> Message {
    Message { account: job.account, id: job.id, kind: job.kind.clone() }
}
