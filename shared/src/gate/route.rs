use axum::extract::Request;
use http::Method;

use super::Failure;
use crate::{account::Scope, api::Problem};

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
    pub form: Form,
    /// Whether requests are rejected once a quota of the account is used up.
    pub spends: bool,
}

/// Authorization that a route requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// No key.
    Open,
    /// Any valid key.
    AnyKey,
    /// A valid key with this scope.
    Scope(Scope),
}

/// Format of error responses. All routes of a path have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Problem document (RFC 9457).
    Document,
    /// Plain text, for clients of the earlier systems. They don't know 422, so that a contract
    /// violation is a 400.
    Text,
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
    Route { method, path, access, form: Form::Document, spends: false }
}

const fn in_text(method: Method, path: &'static str, access: Access) -> Route {
    Route { method, path, access, form: Form::Text, spends: false }
}

const fn spending(method: Method, path: &'static str, access: Access) -> Route {
    Route { method, path, access, form: Form::Document, spends: true }
}

const fn spending_in_text(method: Method, path: &'static str, access: Access) -> Route {
    Route { method, path, access, form: Form::Text, spends: true }
}

pub const ROUTES: &[Route] = &[
    route(Method::GET, "/heartbeat", Access::Open),
    route(Method::GET, "/", Access::Open),
    route(Method::GET, "/console/{*file}", Access::Open),
    route(Method::GET, "/docs", Access::Open),
    route(Method::GET, "/docs/{*file}", Access::Open),
    route(Method::GET, "/openapi.json", Access::Open),
    route(Method::GET, "/metrics", Access::Scope(Scope::MetricsRead)),
    spending(Method::POST, "/v1/jobs", Access::Scope(Scope::JobsWrite)),
    spending(Method::POST, "/v1/jobs/batch", Access::Scope(Scope::JobsWrite)),
    route(Method::GET, "/v1/jobs", Access::Scope(Scope::JobsRead)),
    route(Method::GET, "/v1/jobs/{id}", Access::Scope(Scope::JobsRead)),
    route(Method::DELETE, "/v1/jobs/{id}", Access::Scope(Scope::JobsWrite)),
    spending(Method::POST, "/v1/jobs/{id}/retry", Access::Scope(Scope::JobsWrite)),
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
    spending(Method::POST, "/v1/accounts/{id}/events", Access::Scope(Scope::EventsWrite)),
    spending(Method::PUT, "/v1/accounts/{id}/events", Access::Scope(Scope::EventsWrite)),
    route(Method::GET, "/v1/events", Access::Scope(Scope::EventsRead)),
    route(Method::POST, "/v1/push/tickets", Access::Scope(Scope::EventsRead)),
    route(Method::GET, "/v1/rate", Access::Scope(Scope::EventsRead)),
    spending_in_text(Method::DELETE, "/api/user", Access::Scope(Scope::JobsWrite)),
    in_text(Method::GET, "/api/poll/{token}", Access::Scope(Scope::JobsRead)),
    spending(Method::POST, "/api/activities", Access::Scope(Scope::JobsWrite)),
    route(Method::GET, "/metrics/bandwidth_used", Access::Scope(Scope::UsageRead)),
];

/// Looks a route up by method and path template.
pub(super) fn of(method: &Method, template: &str) -> Option<&'static Route> {
    let method = asked(method);
    ROUTES.iter().find(|route| route.method == *method && route.path == template)
}

/// A HEAD request is handled as a GET (RFC 9110, section 9.3.2).
fn asked(method: &Method) -> &Method {
    if method == Method::HEAD { &Method::GET } else { method }
}

/// Looks the route of a request up by its concrete path.
pub(super) fn to(method: &Method, path: &str) -> Option<&'static Route> {
    at(path).first().and_then(|route| of(method, route.path))
}

/// Format of error responses at a path, for any method.
pub(super) fn form_at(path: &str) -> Form {
    at(path).first().map_or(Form::Document, |route| route.form)
}

/// Whether a path belongs to the template that this function's router matched. A router knows only
/// its own routes: `poll` matches `/v1/jobs/batch` as a job id.
pub(super) fn is_of(path: &str, template: &str) -> bool {
    at(path).first().is_none_or(|route| route.path == template)
}

/// All routes at a path: those of the matching template with the fewest placeholders.
fn at(path: &str) -> Vec<&'static Route> {
    let placeholders = |route: &&Route| route.path.matches('{').count();
    let mut found: Vec<_> = ROUTES.iter().filter(|route| leads_to(route.path, path)).collect();
    if let Some(best) = found.iter().copied().min_by_key(placeholders) {
        found.retain(|route| route.path == best.path);
    }
    found
}

fn leads_to(template: &str, path: &str) -> bool {
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
pub(super) async fn unrouted(request: Request) -> Failure {
    refusal(request.method(), request.uri().path())
}

pub(super) fn refusal(method: &Method, path: &str) -> Failure {
    let mut allow: Vec<_> = at(path).into_iter().map(|route| route.method.as_str()).collect();
    // The table has this method, so it is a catch-all route without such a file: 404.
    if allow.is_empty() || allow.contains(&asked(method).as_str()) {
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
        assert!(leads_to("/v1/jobs/{id}", "/v1/jobs/x"));
        for path in
            ["/v1/jobs/", "/v1/jobs", "/v1/jobs/x/", "/v1/jobs/x/y", "v1/jobs/x", "/V1/jobs/x"]
        {
            assert!(!leads_to("/v1/jobs/{id}", path), "{path}");
        }
        for path in ["/console/a.js", "/console/a/b.js"] {
            assert!(leads_to("/console/{*file}", path), "{path}");
        }
        assert!(
            !leads_to("/console/{*file}", "/console/") && !leads_to("/console/{*file}", "/console")
        );
        assert_eq!(of(&Method::HEAD, "/v1/jobs/{id}").unwrap().path, "/v1/jobs/{id}");
        assert!(of(&Method::PATCH, "/v1/jobs").is_none());
    }

    /// Otherwise usage could not tell routes apart.
    #[test]
    fn every_route_name_is_a_valid_usage_label() {
        for route in ROUTES {
            assert_eq!(route.name().parse::<crate::usage::Label>().unwrap().as_str(), route.name());
        }
    }

    #[test]
    fn a_literal_wins_over_a_placeholder() {
        assert!(
            is_of("/v1/jobs/batch", "/v1/jobs/batch") && !is_of("/v1/jobs/batch", "/v1/jobs/{id}")
        );
        assert!(is_of("/v1/jobs/batches", "/v1/jobs/{id}"));
        for route in ROUTES {
            assert!(is_of(route.path, route.path), "{}", route.path);
        }
    }

    #[test]
    fn all_routes_of_a_path_share_the_error_format() {
        for route in ROUTES {
            assert_eq!(form_at(route.path), route.form, "{}", route.path);
        }
        assert_eq!(form_at("/api/poll/x"), Form::Text);
        for path in ["/api", "/api/poll", "/api/poll/x/y", "/api/users", "/v1/jobs/user"] {
            assert_eq!(form_at(path), Form::Document, "{path}");
        }
    }
}
