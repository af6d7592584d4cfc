//! Serves the console, the API reference and the OpenAPI description, all embedded in the binary.
//!
//! The function has no AWS permissions. The pages load their data from the API, with the key that
//! the user enters.

mod console;
mod description;
mod docs;
mod policy;

use std::time::Duration;

use axum::{Router, middleware};
use http::header::InvalidHeaderValue;
use policy::Policy;
use runtime::{clock::Clock, config::PushAddress, telemetry::Metrics};
use tollgate_http::PublicMiddleware;

/// Time limit of a request, which then fails as unavailable. The function's timeout in
/// template.yaml is 5 s.
pub const TIMEOUT: Duration = Duration::from_secs(4);

#[derive(Debug)]
pub struct App {
    /// WebSocket address for events, allowed by the content security policy.
    pub push: PushAddress,
    pub clock: Clock,
    /// Counts rejected requests.
    pub metrics: Metrics,
}

// The OpenAPI description does not include the files of the pages.
tollgate_http::routes! { ():
    console::get,
    docs::get,
    description::get,
}

/// The whole service: pages, their files, and the middleware.
///
/// # Errors
/// If the address for events is not a valid header value.
pub fn router(app: App) -> Result<Router, InvalidHeaderValue> {
    let App { push, clock, metrics } = app;
    let policy = Policy::new(&push)?;
    let router = routes().nest("/console", console::files()).nest("/docs", docs::files());
    let public = PublicMiddleware { clock, metrics, timeout: TIMEOUT };
    Ok(public.wrap(router).layer(middleware::from_fn_with_state(policy, policy::apply)))
}
