//! Shared by the compatibility routes, whose request body is the payload of a job. Their clients
//! were written for earlier systems and know no jobs.

use api::{JobRequest, Problem};
use axum::{
    Extension,
    extract::{FromRequest, FromRequestParts, Request},
};
use http::{HeaderMap, HeaderName};
use model::{id, job::Job, name::Name, violation::Violation};
use tollgate_http::{ApiError, MaybeReplay, PayloadBody, Query, RequestId, fingerprint};

use crate::{
    App,
    create::NewJob,
    error::SubmitError,
    idempotency,
    job::{IdempotencyToken, trace},
};

/// A request whose body is the payload itself.
#[derive(Debug)]
pub struct RawPayloadRequest {
    repeater: MaybeReplay,
    request: String,
    headers: HeaderMap,
    query: Query,
    body: PayloadBody,
}

impl<S: Send + Sync> FromRequest<S> for RawPayloadRequest {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (mut parts, body) = request.into_parts();
        let repeater = MaybeReplay::from_request_parts(&mut parts, state).await?;
        let query = Query::from_request_parts(&mut parts, state).await?;
        let Extension(RequestId(id)) = Extension::from_request_parts(&mut parts, state)
            .await
            .map_err(|error| ApiError::with_cause(Problem::Internal, error.to_string()))?;
        let headers = parts.headers.clone();
        let body = PayloadBody::from_request(Request::from_parts(parts, body), state).await?;
        Ok(Self { repeater, request: id, headers, query, body })
    }
}

#[derive(Debug)]
pub struct Submitted {
    pub job: Job,
    /// The response header if an earlier request created the job.
    pub replayed: Option<[(HeaderName, &'static str); 1]>,
}

impl App {
    /// Creates a job of `kind` as `POST /v1/jobs` does. `route` keeps idempotency keys of different
    /// routes apart.
    pub(crate) async fn submit_raw(
        &self,
        kind: &str,
        route: &str,
        asked: RawPayloadRequest,
    ) -> Result<Submitted, ApiError> {
        let RawPayloadRequest {
            repeater,
            request,
            headers,
            query,
            body: PayloadBody { payload, json },
        } = asked;
        query.reject_unknown()?;
        let kind: Name = kind
            .parse()
            .map_err(|_| ApiError::with_cause(Problem::Internal, format!("{kind} is no name")))?;
        let key = idempotency::key(&headers)?;
        let (account, trace, now) = (repeater.0.account(), trace(&headers), self.clock.now());
        let repeat =
            key.map(|key| IdempotencyToken { key, fingerprint: fingerprint(route, &payload.0) });
        self.refuse_new(&repeater, account, repeat.as_ref(), now).await?;

        let valid = self.kinds.validate_job(&kind, &payload, &json, "", now).await;
        let new = valid.map_err(SubmitError::from).map(|cached| {
            let wanted = JobRequest::immediate(kind.clone(), payload);
            NewJob::new(account, id::generate(now, rand::random()), wanted, cached, trace.clone())
        });
        let created = self.create_once(account, new, repeat.as_ref(), trace, now).await;
        let (job, replayed) = created.map_err(|error| match error {
            SubmitError::Invalid(violations) => compat_error(&kind, violations),
            SubmitError::Other(error) => error,
        })?;
        tracing::info!(
            request.id = request, %account, job = %job.id, kind = %job.kind, replayed,
            "job accepted"
        );
        let told = (HeaderName::from_static("idempotency-replayed"), "true");
        Ok(Submitted { job: job.as_accepted(), replayed: replayed.then_some([told]) })
    }
}

/// Rewrites violations for these clients: for them the payload is the whole body, and a missing
/// kind is a server error.
fn compat_error(kind: &Name, violations: Vec<Violation>) -> ApiError {
    if let Some(unfit) = violations.iter().find(|violation| violation.pointer == "/kind") {
        return ApiError::with_cause(
            Problem::Unavailable,
            format!("kind {kind}: {}", unfit.detail),
        );
    }
    let bare = |Violation { pointer, detail }| {
        Violation::new(pointer.strip_prefix("/payload").unwrap_or(&pointer), detail)
    };
    Problem::InvalidBody(violations.into_iter().map(bare).collect()).into()
}
