//! Middleware shared by all HTTP functions.
//!
//! Checks run in this order, which is part of the API contract: route (404, 405), key (401), scope
//! (403), size (413), content type (415), JSON (400), contract (422). This is also the only place
//! that turns a [`Problem`](crate::api::Problem) into a response.

mod answer;
mod auth;
mod body;
mod contract;
mod fingerprint;
mod flush;
mod query;
mod route;
mod serve;
mod token;
mod unambiguous;
mod uses;

use std::{sync::Arc, time::Duration};

use answer::Answering;
use axum::{Router, middleware};

pub use answer::{Failure, RequestId};
pub use auth::{Caller, IDEMPOTENCY_KEY, Repeater};
pub use body::{JsonBody, PayloadBody};
pub use contract::Contract;
pub use fingerprint::fingerprint;
pub use flush::Flush;
pub use query::{Named, Query};
pub use route::{Access, Form, ROUTES, Route};
pub use serve::{serve, serve_counting};
pub use token::Issuer;
pub use uses::Uses;

use crate::{aws::AccountStore, clock::Clock, telemetry::Metrics};

/// Middleware with authentication, and its dependencies.
#[derive(Clone, Debug)]
pub struct Gate {
    pub accounts: Arc<AccountStore>,
    /// Verifies bearer tokens; `None` if the stack trusts no issuer.
    pub issuer: Option<Arc<Issuer>>,
    pub clock: Clock,
    /// Receives one record per request and one per rejection.
    pub metrics: Metrics,
    /// How `last_used_at` of a key is updated.
    pub uses: Uses,
    /// Time limit for a request, after which the response is 503. Shorter than the function's
    /// time-out, whose response carries no problem document.
    pub patience: Duration,
}

impl Gate {
    /// Wraps a router's handlers.
    pub fn before(self, router: Router) -> Router {
        let answering = Answering {
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            patience: self.patience,
        };
        answering.before(router.layer(middleware::from_fn_with_state(self, auth::authorize)))
    }
}

/// Middleware without authentication, for functions whose routes are all public.
#[derive(Clone, Debug)]
pub struct OpenGate {
    pub clock: Clock,
    pub metrics: Metrics,
    /// As in [`Gate`].
    pub patience: Duration,
}

impl OpenGate {
    /// Wraps a router's handlers.
    pub fn before(self, router: Router) -> Router {
        let Self { clock, metrics, patience } = self;
        Answering { clock, metrics, patience }.before(router)
    }
}
