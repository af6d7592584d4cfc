//! Data plane, writes: jobs, events, usage reports and tickets for WebSocket connections.

mod activities;
mod batch;
mod compat;
mod control;
mod create;
mod error;
mod event;
mod idempotency;
mod job;
mod ticket;
mod usage;
mod user;

use std::{sync::Arc, time::Duration};

use axum::Router;
use runtime::{clock::Clock, config::SubmitConfig, telemetry::Metrics};
use store::{
    AccountStore, Clients, ConnectionStore, DueStore, EventStore, IdempotencyStore, JobQueue,
    JobStore, KindStore, Table, Tallies, UsageStore, warm_up,
};
use tollgate_http::{ApiMiddleware, Issuer, KeyUsage};

use event::tracker;

/// Requests that take longer are answered as unavailable. The function's timeout in the template is
/// ten seconds.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(9);

#[derive(Debug)]
pub struct App {
    accounts: Arc<AccountStore>,
    issuer: Option<Arc<Issuer>>,
    kinds: KindStore,
    jobs: JobStore,
    events: EventStore,
    tallies: Tallies,
    idempotency: IdempotencyStore,
    connections: ConnectionStore,
    push_url: String,
    due: DueStore,
    usage: UsageStore,
    queue: JobQueue,
    clock: Clock,
    metrics: Metrics,
}

impl App {
    #[must_use]
    pub fn new(clients: Clients, config: SubmitConfig, clock: Clock, metrics: Metrics) -> Self {
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
            idempotency: IdempotencyStore::new(table.clone()),
            connections: ConnectionStore::new(table.clone()),
            push_url: config.push.url,
            due: DueStore::new(table.clone()),
            usage: UsageStore::new(table),
            queue: JobQueue::new(clients.sqs(), config.queue_url),
            clock,
            metrics,
        }
    }

    /// Counters of this process. Flush them when an invocation ends.
    #[must_use]
    pub fn tallies(&self) -> Tallies {
        self.tallies.clone()
    }

    /// Opens the connections to AWS and compiles the job schema, so that the first request doesn't
    /// wait for them.
    pub async fn prime(&self) {
        job::compile_contract();
        warm_up(async { tokio::join!(self.kinds.warm_up(), self.queue.warm_up()) }).await;
    }
}

tollgate_http::routes! { Arc<App>:
    job::submit,
    batch::submit,
    control::cancel,
    control::retry,
    event::publish,
    tracker::publish,
    ticket::create,
    usage::report,
    user::delete,
    activities::submit,
}

/// The routes with middleware and state.
pub fn router(app: App) -> Router {
    let gate = ApiMiddleware {
        accounts: app.accounts.clone(),
        issuer: app.issuer.clone(),
        clock: app.clock.clone(),
        metrics: app.metrics.clone(),
        key_usage: KeyUsage::Stored,
        timeout: REQUEST_TIMEOUT,
    };
    gate.wrap(routes().with_state(Arc::new(app)))
}
