//! Write API: jobs, events, usage reports, and the definitions of kinds, schedules, sources, quotas
//! and accounts. The function may write the table, send to the queue and manage schedules.

mod account;
mod activities;
mod batch;
mod compat;
mod control;
mod create;
mod definition;
mod event;
mod idempotency;
mod job;
mod key;
mod kind;
mod quota;
mod schedule;
mod source;
mod ticket;
mod usage;
mod user;
mod webhook_secret;

use std::{sync::Arc, time::Duration};

use axum::Router;
use model::job::Timing;
use runtime::{clock::Clock, config::SubmitConfig, telemetry::Metrics};
use store::{
    AccountStore, Clients, ConnectionStore, DueStore, EventStore, IdempotencyStore, JobQueue,
    JobStore, KindStore, QuotaStore, ScheduleStore, Scheduler, SourceStore, Table, Tallies,
    UsageStore, warm_up,
};
use tollgate_http::{ApiMiddleware, Issuer, KeyUsage};
use utoipa_axum::{router::OpenApiRouter, routes};

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
    quotas: QuotaStore,
    schedules: ScheduleStore,
    due: DueStore,
    scheduler: Scheduler,
    sources: SourceStore,
    usage: UsageStore,
    queue: JobQueue,
    timing: Timing,
    clock: Clock,
    metrics: Metrics,
}

impl App {
    #[must_use]
    pub fn new(clients: Clients, config: SubmitConfig, clock: Clock, metrics: Metrics) -> Self {
        let table = Table::new(clients.dynamodb, config.table);
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
            quotas: QuotaStore::new(table.clone()),
            schedules: ScheduleStore::new(table.clone()),
            sources: SourceStore::new(table.clone()),
            due: DueStore::new(table.clone()),
            usage: UsageStore::new(table),
            scheduler: Scheduler::new(clients.scheduler, config.scheduler),
            queue: JobQueue::new(clients.sqs, config.queue_url),
            timing: config.timing,
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

/// The routes with their OpenAPI descriptions.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(job::submit))
        .routes(routes!(batch::submit))
        .routes(routes!(control::cancel))
        .routes(routes!(control::retry))
        .routes(routes!(kind::put, kind::delete))
        .routes(routes!(schedule::put, schedule::delete))
        .routes(routes!(event::publish, event::tracker::publish))
        .routes(routes!(ticket::create))
        .routes(routes!(quota::put, quota::delete))
        .routes(routes!(source::put, source::delete))
        .routes(routes!(usage::report))
        .routes(routes!(user::delete))
        .routes(routes!(activities::submit))
        .routes(routes!(account::create))
        .routes(routes!(account::change))
        .routes(routes!(key::create))
        .routes(routes!(key::revoke))
        .routes(routes!(webhook_secret::create))
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
    let (router, _) = routes().split_for_parts();
    gate.wrap(router.with_state(Arc::new(app)))
}
