//! What stands before every handler, in the order in which 2-api's users may rely on it: route (404, 405), key (401), scope (403), size
//! (413), content type (415), JSON (400), contract (422); and behind it, the one place where a [`Problem`](crate::api::Problem) becomes an
//! answer.

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

/// What the gate itself needs.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Knows keys.
    pub accounts: Arc<AccountStore>,
    /// Knows the tokens of an issuer, if the stack trusts one.
    pub issuer: Option<Arc<Issuer>>,
    /// Tells the time.
    pub clock: Clock,
    /// Takes a record of every request, and of what turned it away.
    pub metrics: Metrics,
    /// What becomes of the news that a key is used.
    pub uses: Uses,
    /// After how long a request is answered as unavailable: before its function's time-out, which would answer nothing of use.
    pub patience: Duration,
}

impl Gate {
    /// Puts the gate before a router's handlers.
    pub fn before(self, router: Router) -> Router {
        let answering = Answering {
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            patience: self.patience,
        };
        answering.before(router.layer(middleware::from_fn_with_state(self, auth::authorize)))
    }
}

/// The gate of a function that has nothing to hide, and so knows neither keys nor accounts.
#[derive(Clone, Debug)]
pub struct OpenGate {
    /// Tells the time.
    pub clock: Clock,
    /// Takes a record of every request that was turned away.
    pub metrics: Metrics,
    /// After how long a request is answered as unavailable, as with [`Gate`].
    pub patience: Duration,
}

impl OpenGate {
    /// Puts the gate before a router's handlers.
    pub fn before(self, router: Router) -> Router {
        let Self { clock, metrics, patience } = self;
        Answering { clock, metrics, patience }.before(router)
    }
}
