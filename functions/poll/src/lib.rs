//! Data plane, reads: jobs, attempts, events, rows and usage, with long polls.

mod attempts;
mod caller;
mod compat;
mod events;
mod heartbeat;
mod job;
mod jobs;
mod long_poll;
mod rate;
mod rows;
mod usage;

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::FromRef};
use runtime::{clock::Clock, config::PollConfig, telemetry::Metrics};
use store::{
    AccountStore, Clients, CompletionTimeStore, EventStore, JobStore, RowStore, Table, Tallies,
    Throughput, UsageStore, WaitSlots, warm_up,
};
use tollgate_http::{ApiMiddleware, Issuer, KeyUsage};

use compat::{bandwidth_used, token};
use events::Events;
use jobs::Jobs;
use long_poll::LongPolls;
use usage::Usage;

/// Requests that take longer are answered as unavailable. The function's timeout in the template is
/// 28 seconds, so a long poll of twenty seconds fits.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(26);

/// One context per noun, and the middleware's.
#[derive(Clone, Debug, FromRef)]
pub struct App {
    jobs: Arc<Jobs>,
    events: Arc<Events>,
    rows: Arc<RowStore>,
    usage: Arc<Usage>,
    throughput: Throughput,
    #[from_ref(skip)]
    middleware: ApiMiddleware,
    #[from_ref(skip)]
    tallies: Tallies,
}

impl App {
    #[must_use]
    pub fn new(clients: Clients, config: PollConfig, clock: Clock, metrics: Metrics) -> Self {
        let table = Table::new(clients.dynamodb(), config.table);
        let tallies = Tallies::new(&table, &clock);
        let throughput = tallies.rates.clone();
        let metrics = tallies.counters.count(metrics);
        let accounts = Arc::new(AccountStore::new(table.clone()));
        let middleware = ApiMiddleware {
            accounts: accounts.clone(),
            issuer: config.tokens.map(|tokens| Arc::new(Issuer::new(tokens))),
            clock: clock.clone(),
            metrics: metrics.clone(),
            key_usage: KeyUsage::Logged,
            timeout: REQUEST_TIMEOUT,
        };
        let slots = WaitSlots::new(table.clone(), config.wait_slots);
        let long_polls = Arc::new(LongPolls { slots, clock: clock.clone() });
        let jobs = Jobs {
            store: JobStore::new(table.clone()),
            completion_times: CompletionTimeStore::new(table.clone()),
            long_polls: long_polls.clone(),
            clock: clock.clone(),
        };
        let events = Events {
            store: EventStore::new(table.clone(), throughput.clone(), metrics, clock.clone()),
            accounts,
            long_polls,
            clock: clock.clone(),
        };
        let usage = Usage { store: UsageStore::new(table.clone()), clock };
        Self {
            jobs: Arc::new(jobs),
            events: Arc::new(events),
            rows: Arc::new(RowStore::new(table)),
            usage: Arc::new(usage),
            throughput,
            middleware,
            tallies,
        }
    }

    /// Counters of this process. Flush them when an invocation ends.
    #[must_use]
    pub fn tallies(&self) -> Tallies {
        self.tallies.clone()
    }

    /// Opens the connection to DynamoDB, so that the first request doesn't wait for it.
    pub async fn prime(&self) {
        warm_up(self.middleware.accounts.warm_up()).await;
    }
}

tollgate_http::routes! { App:
    heartbeat::heartbeat,
    jobs::list,
    job::get,
    attempts::list,
    events::list,
    rate::get,
    rows::list,
    usage::chart,
    bandwidth_used::get,
    token::get,
    caller::get,
}

/// The routes with middleware and state.
pub fn router(app: App) -> Router {
    let middleware = app.middleware.clone();
    middleware.wrap(routes().with_state(app))
}
