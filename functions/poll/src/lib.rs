//! Data plane, reads: jobs, attempts, events, rows and usage, with long polls.

mod attempts;
mod caller;
mod events;
mod heartbeat;
mod job;
mod jobs;
mod rate;
mod rows;
mod token;
mod usage;
mod wait;
mod waiter;

use std::{sync::Arc, time::Duration};

use axum::Router;
use runtime::{clock::Clock, config::PollConfig, telemetry::Metrics};
use store::{
    AccountStore, Clients, CompletionTimeStore, EventStore, JobStore, KindStore, RowStore, Table,
    Tallies, UsageStore, WaitSlots, warm_up,
};
use tollgate_http::{ApiMiddleware, Issuer, KeyUsage};

/// Requests that take longer are answered as unavailable. The function's timeout in the template is
/// 28 seconds, so a long poll of twenty seconds fits.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(26);

#[derive(Debug)]
pub struct App {
    accounts: Arc<AccountStore>,
    issuer: Option<Arc<Issuer>>,
    kinds: KindStore,
    jobs: JobStore,
    events: EventStore,
    tallies: Tallies,
    paces: CompletionTimeStore,
    rows: RowStore,
    usage: UsageStore,
    wait_slots: WaitSlots,
    clock: Clock,
    metrics: Metrics,
}

impl App {
    #[must_use]
    pub fn new(clients: Clients, config: PollConfig, clock: Clock, metrics: Metrics) -> Self {
        let table = Table::new(clients.dynamodb(), config.table);
        let tallies = Tallies::new(&table, &clock);
        let metrics = tallies.counters.count(metrics);
        Self {
            accounts: Arc::new(AccountStore::new(table.clone())),
            issuer: config.tokens.map(|tokens| Arc::new(Issuer::new(tokens))),
            kinds: KindStore::new(table.clone()),
            jobs: JobStore::new(table.clone()),
            events: EventStore::new(
                table.clone(),
                tallies.rates.clone(),
                metrics.clone(),
                clock.clone(),
            ),
            tallies,
            paces: CompletionTimeStore::new(table.clone()),
            rows: RowStore::new(table.clone()),
            usage: UsageStore::new(table.clone()),
            wait_slots: WaitSlots::new(table, config.wait_slots),
            clock,
            metrics,
        }
    }

    /// Counters of this process. Flush them when an invocation ends.
    #[must_use]
    pub fn tallies(&self) -> Tallies {
        self.tallies.clone()
    }

    /// Opens the connection to DynamoDB, so that the first request doesn't wait for it.
    pub async fn prime(&self) {
        warm_up(self.kinds.warm_up()).await;
    }
}

tollgate_http::routes! { Arc<App>:
    heartbeat::heartbeat,
    jobs::list,
    job::get,
    attempts::list,
    events::list,
    rate::get,
    rows::list,
    usage::chart,
    usage::bandwidth_used,
    token::get,
    caller::get,
}

/// The routes with middleware and state.
pub fn router(app: App) -> Router {
    let gate = ApiMiddleware {
        accounts: app.accounts.clone(),
        issuer: app.issuer.clone(),
        clock: app.clock.clone(),
        metrics: app.metrics.clone(),
        key_usage: KeyUsage::Logged,
        timeout: REQUEST_TIMEOUT,
    };
    gate.wrap(routes().with_state(Arc::new(app)))
}
