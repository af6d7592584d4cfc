//! Routes whose request body is the payload of a job. Their clients know no jobs.

use api::{JobRequest, Problem};
use axum::{
    Extension,
    extract::{FromRequest, FromRequestParts, Request},
};
use http::HeaderMap;
use model::{id, name::Name, violation::Violation};
use tollgate_http::{ApiError, MaybeReplay, PayloadBody, Query, RequestId};

use crate::{
    error::SubmitError,
    idempotency::IdempotencyToken,
    jobs::{Jobs, NewJob, Submission, Submitted, create_once},
    quota::check_quota,
    trace::traceparent,
};

/// A request whose body is the payload itself.
#[derive(Debug)]
pub struct RawPayloadRequest {
    caller: MaybeReplay,
    request_id: String,
    headers: HeaderMap,
    query: Query,
    body: PayloadBody,
}

impl<S: Send + Sync> FromRequest<S> for RawPayloadRequest {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let caller = MaybeReplay::from_request_parts(&mut parts, state).await?;
        let query = Query::from_request_parts(&mut parts, state).await?;
        let Extension(RequestId(request_id)) = Extension::from_request_parts(&mut parts, state)
            .await
            .map_err(|error| ApiError::with_cause(Problem::Internal, error.to_string()))?;
        let headers = parts.headers.clone();
        let body = PayloadBody::from_request(Request::from_parts(parts, body), state).await?;
        Ok(Self { caller, request_id, headers, query, body })
    }
}

/// Creates a job of `kind` as `POST /v1/jobs` does. `route` keeps idempotency keys of different
/// routes apart.
pub async fn submit_raw(
    jobs: &Jobs,
    kind: &str,
    route: &str,
    request: RawPayloadRequest,
) -> Result<Submitted, ApiError> {
    let RawPayloadRequest { caller, request_id, headers, query, body } = request;
    let PayloadBody { payload, json } = body;
    query.reject_unknown()?;
    let kind: Name = kind
        .parse()
        .map_err(|_| ApiError::with_cause(Problem::Internal, format!("{kind} is no name")))?;
    let idempotency = IdempotencyToken::from_request(&headers, route, &payload.0)?;
    let (account, trace, now) = (caller.0.account(), traceparent(&headers), jobs.clock.now());
    check_quota(&jobs.idempotency, &caller, account, idempotency.as_ref(), now).await?;

    let validated = jobs.kinds.validate_job(&kind, &payload, &json, "", now).await;
    let new = validated.map_err(SubmitError::from).map(|cached| {
        let request = JobRequest::immediate(kind.clone(), payload);
        NewJob::new(account, id::generate(now, rand::random()), request, cached, trace.clone())
    });
    let submission = Submission { account, idempotency, trace, now };
    let submitted =
        create_once(jobs, new, submission).await.map_err(|error| compat_error(&kind, error))?;
    let Submitted { job, replayed } = &submitted;
    tracing::info!(
        request.id = request_id, %account, job = %job.id, kind = %job.kind, replayed,
        "job accepted"
    );
    Ok(submitted)
}

/// Rewrites violations for these clients: for them the payload is the whole body, and a missing
/// kind is a server error.
fn compat_error(kind: &Name, error: SubmitError) -> ApiError {
    let violations = match error {
        SubmitError::Invalid(violations) => violations,
        SubmitError::Other(error) => return error,
    };
    if let Some(rejection) = violations.iter().find(|violation| violation.pointer == "/kind") {
        let cause = format!("kind {kind}: {}", rejection.detail);
        return ApiError::with_cause(Problem::Unavailable, cause);
    }
    let in_payload = |Violation { pointer, detail }| {
        Violation::new(pointer.strip_prefix("/payload").unwrap_or(&pointer), detail)
    };
    Problem::InvalidBody(violations.into_iter().map(in_payload).collect()).into()
}
