//! Commands: what changes jobs, kinds and schedules. It may write the table, send to the queue and make schedules.

mod accept;
mod activities;
mod batch;
mod control;
mod dropin;
mod idempotency;
mod job;
mod kind;
mod schedule;
mod user;

use std::{sync::Arc, time::Duration};

use axum::Router;
use shared::{
    aws::{
        AccountStore, Clients, IdempotencyStore, JobQueue, JobStore, KindStore, ScheduleStore, Scheduler,
        Table, prime,
    },
    clock::Clock,
    config::SubmitConfig,
    gate::Gate,
    job::Timing,
    telemetry::Metrics,
};
use utoipa_axum::{router::OpenApiRouter, routes};

/// After how long a request is answered as unavailable: the function's time-out in the template is ten seconds.
pub const PATIENCE: Duration = Duration::from_secs(9);

/// What the handlers need.
#[derive(Debug)]
pub struct App {
    accounts: Arc<AccountStore>,
    kinds: KindStore,
    jobs: JobStore,
    idempotency: IdempotencyStore,
    schedules: ScheduleStore,
    scheduler: Scheduler,
    queue: JobQueue,
    timing: Timing,
    clock: Clock,
    metrics: Metrics,
}

impl App {
    /// Over these clients.
    #[must_use]
    pub fn new(clients: Clients, config: SubmitConfig, clock: Clock, metrics: Metrics) -> Self {
        let table = Table::new(clients.dynamodb, config.table);
        Self {
            accounts: Arc::new(AccountStore::new(table.clone())),
            kinds: KindStore::new(table.clone()),
            jobs: JobStore::new(table.clone()),
            idempotency: IdempotencyStore::new(table.clone()),
            schedules: ScheduleStore::new(table),
            scheduler: Scheduler::new(clients.scheduler, config.scheduler),
            queue: JobQueue::new(clients.sqs, config.queue_url),
            timing: config.timing,
            clock,
            metrics,
        }
    }

    /// Opens the connections that the first request would otherwise wait for, and compiles the body's schema.
    pub async fn prime(&self) {
        job::compile_contract();
        prime(async { tokio::join!(self.kinds.touch(), self.queue.touch()) }).await;
    }
}

/// The routes and their description.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(job::submit))
        .routes(routes!(batch::submit))
        .routes(routes!(control::cancel))
        .routes(routes!(control::retry))
        .routes(routes!(kind::put, kind::delete))
        .routes(routes!(schedule::put, schedule::delete))
        .routes(routes!(user::delete))
        .routes(routes!(activities::submit))
}

/// The whole service.
pub fn router(app: App) -> Router {
    let gate = Gate {
        accounts: app.accounts.clone(),
        clock: app.clock.clone(),
        metrics: app.metrics.clone(),
        patience: PATIENCE,
    };
    let (router, _) = routes().split_for_parts();
    gate.before(router.with_state(Arc::new(app)))
}
