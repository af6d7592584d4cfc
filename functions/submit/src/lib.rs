//! Data plane, writes: jobs, events, usage reports and tickets for WebSocket connections.

mod batch;
mod cancel;
mod compat;
mod control;
mod error;
mod events;
mod idempotency;
mod jobs;
mod quota;
mod retry;
mod tickets;
mod trace;
mod usage;

use std::{sync::Arc, time::Duration};

use api::JobRequest;
use axum::{Router, extract::FromRef};
use runtime::{clock::Clock, config::SubmitConfig, telemetry::Metrics};
use store::{
    AccountStore, Clients, ConnectionStore, DueStore, EventStore, IdempotencyStore, JobQueue,
    JobStore, KindStore, Table, Tallies, UsageStore, warm_up,
};
use tollgate_http::{ApiMiddleware, Contract, Issuer, KeyUsage};

use compat::{activities, tracker, user};
use control::Control;
use events::Events;
use jobs::Jobs;
use tickets::Tickets;
use usage::Usage;

/// Requests that take longer are answered as unavailable. The function's timeout in the template is
/// ten seconds.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(9);

/// One context per use case, and the middleware's.
#[derive(Clone, Debug, FromRef)]
pub struct App {
    jobs: Arc<Jobs>,
    control: Arc<Control>,
    events: Arc<Events>,
    usage: Arc<Usage>,
    tickets: Arc<Tickets>,
    #[from_ref(skip)]
    middleware: ApiMiddleware,
    #[from_ref(skip)]
    tallies: Tallies,
}

impl App {
    #[must_use]
    pub fn new(clients: Clients, config: SubmitConfig, clock: Clock, metrics: Metrics) -> Self {
        let table = Table::new(clients.dynamodb(), config.table);
        let tallies = Tallies::new(&table, &clock);
        let metrics = tallies.counters.count(metrics);
        let accounts = Arc::new(AccountStore::new(table.clone()));
        let event_store = Arc::new(EventStore::new(
            table.clone(),
            tallies.rates.clone(),
            metrics.clone(),
            clock.clone(),
        ));
        let middleware = ApiMiddleware {
            accounts: accounts.clone(),
            issuer: config.tokens.map(|tokens| Arc::new(Issuer::new(tokens))),
            clock: clock.clone(),
            metrics: metrics.clone(),
            key_usage: KeyUsage::Stored,
            timeout: REQUEST_TIMEOUT,
        };
        let jobs = Jobs {
            accounts: accounts.clone(),
            kinds: Arc::new(KindStore::new(table.clone())),
            store: JobStore::new(table.clone()),
            due: DueStore::new(table.clone()),
            idempotency: IdempotencyStore::new(table.clone()),
            queue: JobQueue::new(clients.sqs(), config.queue_url),
            throughput: tallies.rates.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
        };
        let control = control(&jobs, event_store.clone());
        let events = Events {
            store: event_store,
            accounts: accounts.clone(),
            idempotency: jobs.idempotency.clone(),
            clock: clock.clone(),
        };
        let usage_store = UsageStore::new(table.clone());
        let usage = Usage { store: usage_store, accounts, clock: clock.clone(), metrics };
        let connections = ConnectionStore::new(table);
        let tickets = Tickets { connections, push_url: config.push.url, clock };
        Self {
            jobs: Arc::new(jobs),
            control: Arc::new(control),
            events: Arc::new(events),
            usage: Arc::new(usage),
            tickets: Arc::new(tickets),
            middleware,
            tallies,
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
        JobRequest::schema();
        let Jobs { accounts, queue, .. } = &*self.jobs;
        warm_up(async { tokio::join!(accounts.warm_up(), queue.warm_up()) }).await;
    }
}

/// The context of cancelling and retrying. It shares the stores of `jobs`, so that a kind is cached
/// once.
fn control(jobs: &Jobs, events: Arc<EventStore>) -> Control {
    Control {
        jobs: jobs.store.clone(),
        kinds: jobs.kinds.clone(),
        events,
        due: jobs.due.clone(),
        queue: jobs.queue.clone(),
        clock: jobs.clock.clone(),
        metrics: jobs.metrics.clone(),
    }
}

tollgate_http::routes! { App:
    jobs::submit,
    batch::submit,
    cancel::cancel,
    retry::retry,
    events::publish,
    tracker::publish,
    tickets::create,
    usage::report,
    user::delete,
    activities::submit,
}

/// The routes with middleware and state.
pub fn router(app: App) -> Router {
    let middleware = app.middleware.clone();
    middleware.wrap(routes().with_state(app))
}
