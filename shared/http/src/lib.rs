//! Middleware shared by all HTTP functions.
//!
//! Checks run in this order, which is part of the API contract: route (404, 405), key (401), scope
//! (403), size (413), content type (415), JSON (400), contract (422). This is also the only place
//! that turns a [`Problem`](api::Problem) into a response.

mod auth;
mod body;
mod contract;
mod fingerprint;
mod flush;
mod key_usage;
mod openapi;
mod query;
mod response;
mod route;
mod routes;
mod serve;
mod strict_json;
mod token;

use std::{sync::Arc, time::Duration};

use axum::{Router, middleware};
use response::ResponseLayer;

pub use auth::{Caller, IDEMPOTENCY_KEY, MaybeReplay};
pub use body::{JsonBody, PayloadBody};
pub use contract::Contract;
pub use fingerprint::fingerprint;
pub use flush::FlushMode;
pub use key_usage::KeyUsage;
pub use openapi::complete_openapi;
pub use query::{PathParam, Query};
pub use response::{ApiError, RequestId};
pub use route::{Access, ErrorFormat, ROUTES, Route};
#[doc(hidden)]
pub use routes::__private;
pub use serve::{serve, serve_with_flush};
pub use token::Issuer;

use runtime::{clock::Clock, telemetry::Metrics};
use store::AccountStore;

/// Middleware with authentication, and its dependencies.
#[derive(Clone, Debug)]
pub struct ApiMiddleware {
    pub accounts: Arc<AccountStore>,
    /// Verifies bearer tokens; `None` if the stack trusts no issuer.
    pub issuer: Option<Arc<Issuer>>,
    pub clock: Clock,
    /// Receives one record per request and one per rejection.
    pub metrics: Metrics,
    /// How `last_used_at` of a key is updated.
    pub key_usage: KeyUsage,
    /// Time limit for a request, after which the response is 503. Shorter than the function's
    /// time-out, whose response carries no problem document.
    pub timeout: Duration,
}

impl ApiMiddleware {
    /// Wraps a router's handlers.
    pub fn wrap(self, router: Router) -> Router {
        let answering = ResponseLayer {
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            timeout: self.timeout,
        };
        answering.wrap(router.layer(middleware::from_fn_with_state(self, auth::authorize)))
    }
}

/// Middleware without authentication, for functions whose routes are all public.
#[derive(Clone, Debug)]
pub struct PublicMiddleware {
    pub clock: Clock,
    pub metrics: Metrics,
    /// As in [`ApiMiddleware`].
    pub timeout: Duration,
}

impl PublicMiddleware {
    /// Wraps a router's handlers.
    pub fn wrap(self, router: Router) -> Router {
        let Self { clock, metrics, timeout: patience } = self;
        ResponseLayer { clock, metrics, timeout: patience }.wrap(router)
    }
}
