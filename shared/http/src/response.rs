use std::time::Duration;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use lambda_http::Context;

use super::route::{self, ErrorFormat};
use api::Problem;
use model::time::Time;
use runtime::{
    clock::Clock,
    metrics::{OTHER, registry},
    telemetry::{Metrics, Record},
};

/// Outermost middleware, with or without authentication: time limit, request id, problem responses
/// and request metrics.
#[derive(Clone, Debug)]
pub(super) struct ResponseLayer {
    pub(super) clock: Clock,
    pub(super) metrics: Metrics,
    pub(super) timeout: Duration,
}

/// Id of the request in logs; every response carries it as `x-request-id`.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Error of a handler: the problem for the client, and its cause for the log only.
#[derive(Clone, Debug)]
pub struct ApiError {
    problem: Problem,
    cause: Option<String>,
}

impl ApiError {
    #[must_use]
    pub fn with_cause(problem: Problem, cause: String) -> Self {
        Self { problem, cause: Some(cause) }
    }
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self { problem, cause: None }
    }
}

impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> Self {
        let problem = match error {
            store::Error::Unavailable(_) => Problem::Unavailable,
            store::Error::Refused(_) | store::Error::Corrupt(..) => Problem::Internal,
        };
        Self { problem, cause: Some(error.to_string()) }
    }
}

/// Sets only the status; the `answer` middleware adds the body because only it knows the request
/// id.
impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.problem.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Assigns the request id, and turns a failure into a problem response, a metric and a log line
/// (level error for a 5xx).
async fn respond(
    State(answering): State<ResponseLayer>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = match request.extensions().get::<Context>() {
        Some(context) => context.request_id.clone(),
        None => uuid::Uuid::new_v4().to_string(),
    };
    request.extensions_mut().insert(RequestId(id.clone()));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let begun = answering.clock.now();
    let mut response = match tokio::time::timeout(answering.timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError { problem: Problem::Unavailable, cause: Some("timed out".into()) }
            .into_response(),
    };
    if let Some(failure) = response.extensions_mut().remove::<ApiError>() {
        answering.record_failure(&failure, &id, &method, &path);
        response = problem_response(&failure.problem, route::error_format_at(&path), &id);
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("x-request-id", id);
    }
    answering.record_response(&method, &path, response.status(), begun);
    response
}

impl ResponseLayer {
    /// Wraps a router's handlers and answers requests without a route (404, 405).
    pub(super) fn wrap(self, router: Router) -> Router {
        router
            .method_not_allowed_fallback(route::fallback)
            .fallback(route::fallback)
            .layer(middleware::from_fn_with_state(self, respond))
    }

    /// Counts a response by route. Requests that are not in the table of routes share one label.
    fn record_response(&self, method: &Method, path: &str, status: StatusCode, begun: Time) {
        let now = self.clock.now();
        let (method, path) = route::for_request(method, path)
            .map_or((OTHER, OTHER), |route| (route.method.as_str(), route.path));
        let answered = Record::new()
            .dimension("method", method)
            .dimension("route", path)
            .dimension("status", status.as_str())
            .count(&registry::REQUESTS_SERVED, 1)
            .durations(&registry::REQUEST_DURATION, [now.since(begun)]);
        self.metrics.emit(&answered, now);
    }

    fn record_failure(&self, failure: &ApiError, id: &str, method: &Method, path: &str) {
        let (reason, status) = (failure.problem.slug(), failure.problem.status());
        let rejected = Record::new().dimension("reason", reason).count(&registry::REJECTED, 1);
        self.metrics.emit(&rejected, self.clock.now());
        if status >= 500 {
            let cause = failure.cause.as_deref().unwrap_or("unknown cause");
            tracing::error!(
                request.id = id,
                http.method = %method,
                http.path = path,
                http.status = status,
                reason,
                cause,
                "request failed"
            );
        } else {
            tracing::debug!(
                request.id = id,
                http.method = %method,
                http.path = path,
                http.status = status,
                reason,
                "request rejected"
            );
        }
    }
}

fn problem_response(problem: &Problem, form: ErrorFormat, id: &str) -> Response {
    let (status, media_type, body) = match form {
        ErrorFormat::ProblemDocument => {
            let document = serde_json::to_string(&problem.body(id)).unwrap_or_default();
            (problem.status(), "application/problem+json", document)
        }
        ErrorFormat::PlainText => {
            let status = if problem.status() == 422 { 400 } else { problem.status() };
            (status, "text/plain; charset=utf-8", problem.plain_text())
        }
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(header::CONTENT_TYPE, media_type)], body).into_response();
    for (name, value) in problem.headers() {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}
