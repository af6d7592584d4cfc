//! `POST /v1/jobs/batch`.

mod create;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use api::{BatchBody, BatchItem, BatchRequest, JobBody, JobRequest, Problem, parameter};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use futures::future::{join_all, try_join_all};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use model::{
    id::{self, AccountId, JobId},
    job::Job,
    name::Name,
    time::Time,
    violation::Violation,
};
use runtime::telemetry::Traceparent;
use serde_json::Value;
use store::{BeginResult, IdempotencyKey};
use tollgate_http::{
    ApiError, Caller, Contract, JsonBody, MaybeReplay, Query, RequestId, fingerprint,
};

use crate::{
    App,
    create::NewJob,
    error::SubmitError,
    idempotency,
    job::{IdempotencyToken, MAX_REQUEST_TIME, trace},
};

/// Submit up to 100 jobs.
///
/// Each job is accepted or refused individually; `items` lists the results in request order. The
/// batch as a whole is refused only if it isn't a list of 1 to 100 jobs. The ids sort in request
/// order, so that the last job is the newest. With an `Idempotency-Key`, you can repeat the whole
/// batch.
#[utoipa::path(
    post, path = "/v1/jobs/batch", tag = "jobs", operation_id = "submitJobs",
    params(
        parameter::IdempotencyKey,
        parameter::Traceparent,
    ),
    request_body = BatchRequest,
    responses(
        (status = 202, description = "Result of each job", body = BatchBody, headers(
            (
                "Idempotency-Replayed" = bool,
                description = "`true` if an earlier request created the jobs"
            ),
        )),
    ),
)]
pub async fn submit(
    State(app): State<Arc<App>>,
    repeater: MaybeReplay,
    Extension(RequestId(request)): Extension<RequestId>,
    headers: HeaderMap,
    query: Query,
    JsonBody { value: BatchRequest { jobs }, json, text }: JsonBody<BatchRequest>,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    let key = idempotency::key(&headers)?;
    let (caller, now) = (&repeater.0, app.clock.now());
    let repeat = key.map(|key| IdempotencyToken {
        key,
        fingerprint: fingerprint("POST /v1/jobs/batch", &text),
    });
    app.refuse_new(&repeater, caller.account(), repeat.as_ref(), now).await?;
    app.preload_kinds(&json["jobs"], now).await;
    let asked = jobs.iter().zip(json["jobs"].as_array().into_iter().flatten()).enumerate();
    let asked = asked
        .map(|(n, (raw, json))| app.parse_item(caller, n, raw.get(), json, trace(&headers), now));
    let asked = try_join_all(asked).await?;

    let (places, replayed) = app.resolve(caller, asked, repeat.as_ref(), now).await?;
    let made = app.create_all(&places, repeat.is_some(), replayed, now).await;
    let items = places.into_iter().zip(made).map(|(place, made)| match place {
        BatchJob::New(NewJob { job, .. }) | BatchJob::Existing(job) if made => {
            BatchItem::accepted(JobBody::for_caller(caller.account(), job.as_accepted()))
        }
        BatchJob::New(_) | BatchJob::Existing(_) => {
            BatchItem::rejected(Problem::Unavailable.body(&request))
        }
        BatchJob::Refused(problem) => BatchItem::rejected(problem.body(&request)),
    });
    let items: Vec<_> = items.collect();
    if items.iter().all(|item| item.status == Problem::Unavailable.status()) {
        return Err(Problem::Unavailable.into());
    }
    let accepted = items.iter().filter(|item| item.job.is_some()).count();
    tracing::info!(
        request.id = request, account = %caller.account(), accepted,
        refused = items.len() - accepted, replayed,
        "batch accepted"
    );
    let told = replayed.then_some((
        HeaderName::from_static("idempotency-replayed"),
        HeaderValue::from_static("true"),
    ));
    Ok((StatusCode::ACCEPTED, HeaderMap::from_iter(told), Json(BatchBody { items }))
        .into_response())
}

/// A job request of a batch after validation.
struct Parsed {
    account: AccountId,
    order: Result<NewJob, Problem>,
}

/// What to do for one job of a batch.
enum BatchJob {
    /// Create the job.
    New(NewJob),
    /// An earlier request created the job.
    Existing(Job),
    /// The request is refused.
    Refused(Problem),
}

impl App {
    /// Loads the kinds of the batch into the cache once, before its jobs read them concurrently.
    async fn preload_kinds(&self, jobs: &Value, now: Time) {
        let named = jobs
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|job| job["kind"].as_str()?.parse().ok());
        let kinds: BTreeSet<Name> = named.collect();
        join_all(kinds.iter().map(|kind| self.kinds.cached(kind, now))).await;
    }

    /// Validates the `n`-th job of a batch.
    async fn parse_item(
        &self,
        caller: &Caller,
        n: usize,
        raw: &str,
        json: &Value,
        trace: Option<Traceparent>,
        now: Time,
    ) -> Result<Parsed, ApiError> {
        let prefix = format!("/jobs/{n}");
        let refused = |problem| Ok(Parsed { account: caller.account(), order: Err(problem) });
        let invalid = |violations| refused(Problem::InvalidBody(violations));
        let wanted = match JobRequest::read(raw, json, &prefix) {
            Ok(wanted) => wanted,
            Err(violations) => return invalid(violations),
        };
        if let Err(problem) = caller.target_account(wanted.account) {
            return refused(problem);
        }
        let account = match self.resolve_account(caller, wanted.account, &prefix, now).await {
            Ok(account) => account,
            Err(SubmitError::Invalid(violations)) => return invalid(violations),
            Err(SubmitError::Other(error)) => return Err(error),
        };
        match self.validate(account, wanted, &json["payload"], &prefix, trace, now).await {
            Ok(new) => Ok(Parsed { account, order: Ok(new) }),
            Err(SubmitError::Invalid(violations)) => {
                Ok(Parsed { account, order: Err(Problem::InvalidBody(violations)) })
            }
            Err(SubmitError::Other(error)) => Err(error),
        }
    }

    /// Decides for each job whether to create it. IDs are consecutive, starting at the first ID of
    /// the first request with this key. On a repeat, only the jobs accepted by the first request
    /// count. Returns `true` if there was an earlier request.
    async fn resolve(
        &self,
        caller: &Caller,
        asked: Vec<Parsed>,
        repeat: Option<&IdempotencyToken>,
        now: Time,
    ) -> Result<(Vec<BatchJob>, bool), ApiError> {
        let first: JobId = id::generate(now, rand::random());
        let Some(IdempotencyToken { key, fingerprint }) = repeat else {
            let named = asked
                .into_iter()
                .zip(0..)
                .map(|(asked, n)| BatchJob::new(asked.order, id::nth(&first, n), None));
            return Ok((named.collect(), false));
        };
        let sound = asked.iter().enumerate().filter(|(_, asked)| asked.order.is_ok());
        let sound = sound.fold(0u128, |bits, (n, _)| bits | 1 << n);
        let kept = Some(now + IdempotencyKey::KEPT);
        match self
            .idempotency
            .begin(caller.account(), key, fingerprint, first, Some(sound), now)
            .await?
        {
            BeginResult::First => {
                let named = asked
                    .into_iter()
                    .zip(0..)
                    .map(|(asked, n)| BatchJob::new(asked.order, id::nth(&first, n), kept));
                Ok((named.collect(), false))
            }
            BeginResult::DifferentRequest => Err(Problem::IdempotencyKeyReused.into()),
            BeginResult::Repeated { id: job, since, accepted } => {
                let under_way = now.since(since) < MAX_REQUEST_TIME;
                Ok((self.resume(asked, job, accepted, under_way, kept).await?, true))
            }
        }
    }

    /// Repeats an earlier request: finds the jobs it created, and creates those it accepted but did
    /// not get to.
    async fn resume(
        &self,
        asked: Vec<Parsed>,
        first: JobId,
        accepted: u128,
        under_way: bool,
        kept: Option<Time>,
    ) -> Result<Vec<BatchJob>, ApiError> {
        let was_accepted = |n: u16| accepted >> n & 1 == 1;
        let names = asked.iter().zip(0..).filter(|(_, n)| was_accepted(*n));
        let names: Vec<_> = names.map(|(asked, n)| (asked.account, id::nth(&first, n))).collect();
        let made = self.jobs.get_all_consistent(&names).await?;
        if made.len() < names.len() && under_way {
            return Err(Problem::IdempotencyInProgress.into());
        }
        let mut made: HashMap<JobId, Job> = made.into_iter().map(|job| (job.id, job)).collect();
        let places = asked.into_iter().zip(0..).map(|(asked, n)| {
            let id = id::nth(&first, n);
            match (made.remove(&id), asked.order) {
                (Some(job), _) => BatchJob::Existing(job),
                (None, Ok(_)) if !was_accepted(n) => {
                    let why = "was refused by the first request; \
                         send it with another Idempotency-Key";
                    BatchJob::Refused(Problem::InvalidBody(vec![Violation::new(
                        format!("/jobs/{n}"),
                        why,
                    )]))
                }
                (None, order) => BatchJob::new(order, id, kept),
            }
        });
        Ok(places.collect())
    }
}

impl BatchJob {
    fn new(order: Result<NewJob, Problem>, id: JobId, kept_until: Option<Time>) -> Self {
        match order {
            Ok(order) => Self::New(order.with_id(id, kept_until)),
            Err(problem) => Self::Refused(problem),
        }
    }
}
