use axum::extract::Request;
use http::Method;

use super::ApiError;
use api::Problem;
use model::account::Scope;

/// A route of the API, whichever function serves it.
///
/// All functions share this table because a client sees one API: `submit` has to list `poll`'s
/// methods in `Allow`. A test compares the table with the `OpenAPI` document, which is generated
/// from the functions' routers.
#[derive(Clone, Debug)]
pub struct Route {
    pub method: Method,
    /// Path template, in the router's syntax.
    pub path: &'static str,
    pub access: Access,
    /// Format of error responses.
    pub error_format: ErrorFormat,
    /// Whether requests are rejected once a quota of the account is used up.
    pub enforces_quota: bool,
}

/// Authorization that a route requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No key.
    Public,
    /// Any valid key.
    AnyKey,
    /// A valid key with this scope.
    Scope(Scope),
}

/// Format of error responses. All routes of a path have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorFormat {
    /// Problem document (RFC 9457).
    ProblemDocument,
    /// Plain text, for clients of the earlier systems. They don't know 422, so that a contract
    /// violation is a 400.
    PlainText,
}

impl Route {
    /// Label of the route in usage: method and path, as in `GET /v1/jobs/{id}`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether the `OpenAPI` document lists the route. Catch-all routes for static files are left
    /// out: a path template can't match across slashes
    /// (<https://spec.openapis.org/oas/v3.1.0#path-templating>).
    #[must_use]
    pub fn is_operation(&self) -> bool {
        !self.path.contains("{*")
    }
}

const fn route(method: Method, path: &'static str, access: Access) -> Route {
    Route {
        method,
        path,
        access,
        error_format: ErrorFormat::ProblemDocument,
        enforces_quota: false,
    }
}

const fn plain_text(method: Method, path: &'static str, access: Access) -> Route {
    Route { method, path, access, error_format: ErrorFormat::PlainText, enforces_quota: false }
}

const fn with_quota(method: Method, path: &'static str, access: Access) -> Route {
    Route { method, path, access, error_format: ErrorFormat::ProblemDocument, enforces_quota: true }
}

const fn plain_text_with_quota(method: Method, path: &'static str, access: Access) -> Route {
    Route { method, path, access, error_format: ErrorFormat::PlainText, enforces_quota: true }
}

pub const ROUTES: &[Route] = &[
    route(Method::GET, "/heartbeat", Access::Public),
    route(Method::GET, "/", Access::Public),
    route(Method::GET, "/console/{*file}", Access::Public),
    route(Method::GET, "/docs", Access::Public),
    route(Method::GET, "/docs/{*file}", Access::Public),
    route(Method::GET, "/openapi.json", Access::Public),
    route(Method::GET, "/metrics", Access::Scope(Scope::MetricsRead)),
    with_quota(Method::POST, "/v1/jobs", Access::Scope(Scope::JobsWrite)),
    with_quota(Method::POST, "/v1/jobs/batch", Access::Scope(Scope::JobsWrite)),
    route(Method::GET, "/v1/jobs", Access::Scope(Scope::JobsRead)),
    route(Method::GET, "/v1/jobs/{id}", Access::Scope(Scope::JobsRead)),
    route(Method::DELETE, "/v1/jobs/{id}", Access::Scope(Scope::JobsWrite)),
    with_quota(Method::POST, "/v1/jobs/{id}/retry", Access::Scope(Scope::JobsWrite)),
    route(Method::GET, "/v1/jobs/{id}/attempts", Access::Scope(Scope::JobsRead)),
    route(Method::GET, "/v1/tables/{table}/rows", Access::Scope(Scope::JobsRead)),
    route(Method::GET, "/v1/kinds", Access::AnyKey),
    route(Method::GET, "/v1/kinds/{name}", Access::AnyKey),
    route(Method::PUT, "/v1/kinds/{name}", Access::Scope(Scope::Admin)),
    route(Method::DELETE, "/v1/kinds/{name}", Access::Scope(Scope::Admin)),
    route(Method::GET, "/v1/schedules", Access::Scope(Scope::JobsRead)),
    route(Method::GET, "/v1/schedules/{name}", Access::Scope(Scope::JobsRead)),
    route(Method::PUT, "/v1/schedules/{name}", Access::Scope(Scope::Admin)),
    route(Method::DELETE, "/v1/schedules/{name}", Access::Scope(Scope::Admin)),
    route(Method::GET, "/v1/quotas", Access::Scope(Scope::UsageRead)),
    route(Method::GET, "/v1/quotas/{name}", Access::Scope(Scope::UsageRead)),
    route(Method::PUT, "/v1/quotas/{name}", Access::Scope(Scope::Admin)),
    route(Method::DELETE, "/v1/quotas/{name}", Access::Scope(Scope::Admin)),
    route(Method::GET, "/v1/sources", Access::Scope(Scope::UsageRead)),
    route(Method::GET, "/v1/sources/{name}", Access::Scope(Scope::UsageRead)),
    route(Method::PUT, "/v1/sources/{name}", Access::Scope(Scope::Admin)),
    route(Method::DELETE, "/v1/sources/{name}", Access::Scope(Scope::Admin)),
    route(Method::GET, "/v1/usage", Access::Scope(Scope::UsageRead)),
    route(Method::POST, "/v1/usage", Access::Scope(Scope::UsageWrite)),
    route(Method::GET, "/v1/token", Access::AnyKey),
    route(Method::POST, "/v1/accounts", Access::Scope(Scope::Admin)),
    route(Method::GET, "/v1/accounts", Access::Scope(Scope::Admin)),
    route(Method::GET, "/v1/accounts/{id}", Access::Scope(Scope::Admin)),
    route(Method::PATCH, "/v1/accounts/{id}", Access::Scope(Scope::Admin)),
    route(Method::POST, "/v1/accounts/{id}/keys", Access::Scope(Scope::Admin)),
    route(Method::GET, "/v1/accounts/{id}/keys", Access::Scope(Scope::Admin)),
    route(Method::DELETE, "/v1/accounts/{id}/keys/{key_id}", Access::Scope(Scope::Admin)),
    route(Method::POST, "/v1/accounts/{id}/webhook-secrets", Access::Scope(Scope::JobsWrite)),
    route(Method::GET, "/v1/accounts/{id}/webhook-secrets", Access::Scope(Scope::JobsWrite)),
    with_quota(Method::POST, "/v1/accounts/{id}/events", Access::Scope(Scope::EventsWrite)),
    with_quota(Method::PUT, "/v1/accounts/{id}/events", Access::Scope(Scope::EventsWrite)),
    route(Method::GET, "/v1/events", Access::Scope(Scope::EventsRead)),
    route(Method::POST, "/v1/push/tickets", Access::Scope(Scope::EventsRead)),
    route(Method::GET, "/v1/rate", Access::Scope(Scope::EventsRead)),
    plain_text_with_quota(Method::DELETE, "/api/user", Access::Scope(Scope::JobsWrite)),
    plain_text(Method::GET, "/api/poll/{token}", Access::Scope(Scope::JobsRead)),
    with_quota(Method::POST, "/api/activities", Access::Scope(Scope::JobsWrite)),
    route(Method::GET, "/metrics/bandwidth_used", Access::Scope(Scope::UsageRead)),
];

/// Looks a route up by method and path template.
pub(super) fn find(method: &Method, template: &str) -> Option<&'static Route> {
    let method = effective_method(method);
    ROUTES.iter().find(|route| route.method == *method && route.path == template)
}

/// A HEAD request is handled as a GET (RFC 9110, section 9.3.2).
fn effective_method(method: &Method) -> &Method {
    if method == Method::HEAD { &Method::GET } else { method }
}

/// Looks the route of a request up by its concrete path.
pub(super) fn for_request(method: &Method, path: &str) -> Option<&'static Route> {
    all_at(path).first().and_then(|route| find(method, route.path))
}

/// Format of error responses at a path, for any method.
pub(super) fn error_format_at(path: &str) -> ErrorFormat {
    all_at(path).first().map_or(ErrorFormat::ProblemDocument, |route| route.error_format)
}

/// Whether a path belongs to the template that this function's router matched. A router knows only
/// its own routes: `poll` matches `/v1/jobs/batch` as a job id.
pub(super) fn is_best_match(path: &str, template: &str) -> bool {
    all_at(path).first().is_none_or(|route| route.path == template)
}

/// All routes at a path: those of the matching template with the fewest placeholders.
fn all_at(path: &str) -> Vec<&'static Route> {
    let placeholders = |route: &&Route| route.path.matches('{').count();
    let mut found: Vec<_> = ROUTES.iter().filter(|route| matches(route.path, path)).collect();
    if let Some(best) = found.iter().copied().min_by_key(placeholders) {
        found.retain(|route| route.path == best.path);
    }
    found
}

fn matches(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(part), Some(value)) if part.starts_with("{*") => return !value.is_empty(),
            (Some(part), Some(value))
                if part == value || (part.starts_with('{') && !value.is_empty()) => {}
            _ => return false,
        }
    }
}

/// Fallback of every router: 404 if no function serves the path, else 405.
pub(super) async fn fallback(request: Request) -> ApiError {
    no_route(request.method(), request.uri().path())
}

pub(super) fn no_route(method: &Method, path: &str) -> ApiError {
    let mut allow: Vec<_> = all_at(path).into_iter().map(|route| route.method.as_str()).collect();
    // The table has this method, so it is a catch-all route without such a file: 404.
    if allow.is_empty() || allow.contains(&effective_method(method).as_str()) {
        return Problem::NotFound.into();
    }
    if allow.contains(&"GET") {
        allow.push("HEAD");
    }
    allow.sort_unstable();
    Problem::MethodNotAllowed { allow: allow.join(", ") }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_match_whole_paths() {
        assert!(matches("/v1/jobs/{id}", "/v1/jobs/x"));
        for path in
            ["/v1/jobs/", "/v1/jobs", "/v1/jobs/x/", "/v1/jobs/x/y", "v1/jobs/x", "/V1/jobs/x"]
        {
            assert!(!matches("/v1/jobs/{id}", path), "{path}");
        }
        for path in ["/console/a.js", "/console/a/b.js"] {
            assert!(matches("/console/{*file}", path), "{path}");
        }
        assert!(
            !matches("/console/{*file}", "/console/") && !matches("/console/{*file}", "/console")
        );
        assert_eq!(find(&Method::HEAD, "/v1/jobs/{id}").unwrap().path, "/v1/jobs/{id}");
        assert!(find(&Method::PATCH, "/v1/jobs").is_none());
    }

    /// Otherwise usage could not tell routes apart.
    #[test]
    fn every_route_name_is_a_valid_usage_label() {
        for route in ROUTES {
            assert_eq!(route.name().parse::<model::usage::Label>().unwrap().as_str(), route.name());
        }
    }

    #[test]
    fn a_literal_wins_over_a_placeholder() {
        assert!(
            is_best_match("/v1/jobs/batch", "/v1/jobs/batch")
                && !is_best_match("/v1/jobs/batch", "/v1/jobs/{id}")
        );
        assert!(is_best_match("/v1/jobs/batches", "/v1/jobs/{id}"));
        for route in ROUTES {
            assert!(is_best_match(route.path, route.path), "{}", route.path);
        }
    }

    #[test]
    fn all_routes_of_a_path_share_the_error_format() {
        for route in ROUTES {
            assert_eq!(error_format_at(route.path), route.error_format, "{}", route.path);
        }
        assert_eq!(error_format_at("/api/poll/x"), ErrorFormat::PlainText);
        for path in ["/api", "/api/poll", "/api/poll/x/y", "/api/users", "/v1/jobs/user"] {
            assert_eq!(error_format_at(path), ErrorFormat::ProblemDocument, "{path}");
        }
    }
}
