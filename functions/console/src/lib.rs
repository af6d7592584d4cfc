//! Pages for people: the console, the reference of the API, and the API's description. All of it is in the binary. It may do nothing at all:
//! what a page shows comes from the API, with the key of whoever looks at it.

mod console;
mod description;
mod docs;
mod policy;

use std::time::Duration;

use axum::{Router, middleware};
use http::header::InvalidHeaderValue;
use policy::Policy;
use shared::{clock::Clock, config::PushAddress, gate::OpenGate, telemetry::Metrics};
use utoipa_axum::{router::OpenApiRouter, routes};

/// After how long a request is answered as unavailable: the function's time-out in the template is five seconds.
pub const PATIENCE: Duration = Duration::from_secs(4);

/// What the function needs.
#[derive(Debug)]
pub struct App {
    /// Where pages may connect to, for events.
    pub push: PushAddress,
    /// Tells the time.
    pub clock: Clock,
    /// Takes a record of every request that was turned away.
    pub metrics: Metrics,
}

/// The routes and their description. Files that belong to a page are beside them: how many there are, and what they are called, is the page's
/// affair.
pub fn routes() -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(console::get))
        .routes(routes!(docs::get))
        .routes(routes!(description::get))
}

/// The whole service.
///
/// # Errors
/// When the address for events can't stand in a header field.
pub fn router(app: App) -> Result<Router, InvalidHeaderValue> {
    let App { push, clock, metrics } = app;
    let policy = Policy::new(&push)?;
    let (router, _) = routes().split_for_parts();
    let router = router.nest("/console", console::files()).nest("/docs", docs::files());
    let gate = OpenGate { clock, metrics, patience: PATIENCE };
    Ok(gate.before(router).layer(middleware::from_fn_with_state(policy, policy::apply)))
}
