use axum::extract::Request;
use http::Method;

use super::Failure;
use crate::{account::Scope, api::Problem};

/// One route of the API, whichever function answers it.
///
/// The functions share this table because a client sees one API: `submit` has to name `poll`'s methods in an `Allow`. A test holds the table
/// to the `OpenAPI` description, which comes from the functions' routers.
#[derive(Clone, Debug)]
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, as the router has it.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
    /// How it tells what went wrong.
    pub form: Form,
    /// Whether it is closed to tenants whose quota is used up.
    pub spends: bool,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Whoever holds a valid key.
    AnyKey,
    /// Whose key has the scope.
    Scope(Scope),
}

/// How a route tells what went wrong. All routes of a path tell it alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// By a problem document (RFC 9457).
    Document,
    /// In plain text, for clients that were written for an earlier system. They know no 422: what breaks a contract is a 400.
    Text,
}

impl Route {
    /// What it is called where requests are counted: method and path, `GET /v1/jobs/{id}`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether it is described as an operation. The files of a page are not, which are behind one route whatever they are called: no template
    /// of a description leads across folders (<https://spec.openapis.org/oas/v3.1.0#path-templating>).
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

/// Every route.
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

/// The route of a method and a path as the router has it.
pub(super) fn of(method: &Method, template: &str) -> Option<&'static Route> {
    let method = asked(method);
    ROUTES.iter().find(|route| route.method == *method && route.path == template)
}

/// A HEAD is answered as the GET without its body (RFC 9110, section 9.3.2).
fn asked(method: &Method) -> &Method {
    if method == Method::HEAD { &Method::GET } else { method }
}

/// The route of a request, whichever function answers it.
pub(super) fn to(method: &Method, path: &str) -> Option<&'static Route> {
    at(path).first().and_then(|route| of(method, route.path))
}

/// How whoever asks at this path, with whatever method, is told what went wrong.
pub(super) fn form_at(path: &str) -> Form {
    at(path).first().map_or(Form::Document, |route| route.form)
}

/// Whether a path is of the template to which a function's router leads it. One function doesn't know the other's routes: to `poll`,
/// `/v1/jobs/batch` is a job.
pub(super) fn is_of(path: &str, template: &str) -> bool {
    at(path).first().is_none_or(|route| route.path == template)
}

/// The routes of a path: those of the template that leads to it with the fewest placeholders.
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

/// No handler of this function takes the request: either nobody does, or another method does.
pub(super) async fn unrouted(request: Request) -> Failure {
    refusal(request.method(), request.uri().path())
}

pub(super) fn refusal(method: &Method, path: &str) -> Failure {
    let mut allow: Vec<_> = at(path).into_iter().map(|route| route.method.as_str()).collect();
    // A method that the path takes is refused where no such file is below its folder.
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
    fn templates_take_whole_paths() {
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

    /// Or all of them would be counted as one.
    #[test]
    fn every_name_is_a_label_of_usage() {
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
    fn the_form_is_the_paths() {
        for route in ROUTES {
            assert_eq!(form_at(route.path), route.form, "{}", route.path);
        }
        assert_eq!(form_at("/api/poll/x"), Form::Text);
        for path in ["/api", "/api/poll", "/api/poll/x/y", "/api/users", "/v1/jobs/user"] {
            assert_eq!(form_at(path), Form::Document, "{path}");
        }
    }
}
