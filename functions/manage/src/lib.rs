//! Control plane: accounts with their keys and webhook secrets, the definitions of kinds,
//! schedules, sources and quotas, and the metrics of the stack.

mod accounts;
mod definition;
mod keys;
mod kinds;
mod metrics;
mod quotas;
mod schedules;
mod sources;
mod webhook_secrets;

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::FromRef};
use runtime::{clock::Clock, config::ManageConfig, telemetry::Metrics};
use store::{
    AccountStore, Clients, JobStore, KindStore, QuotaStore, ScheduleStore, Scheduler, SourceStore,
    Table, Tallies, warm_up,
};
use tollgate_http::{ApiMiddleware, Issuer, KeyUsage};

use accounts::Accounts;
use kinds::Kinds;
use metrics::MetricsPage;
use quotas::Quotas;
use schedules::Schedules;
use sources::Sources;

/// Requests that take longer are answered as unavailable. The function's timeout in the template is
/// ten seconds.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(9);

/// One context per noun, and the middleware's.
#[derive(Clone, Debug, FromRef)]
pub struct App {
    accounts: Arc<Accounts>,
    kinds: Arc<Kinds>,
    schedules: Arc<Schedules>,
    sources: Arc<Sources>,
    quotas: Arc<Quotas>,
    metrics_page: Arc<MetricsPage>,
    #[from_ref(skip)]
    middleware: ApiMiddleware,
    #[from_ref(skip)]
    tallies: Tallies,
}

impl App {
    #[must_use]
    pub fn new(clients: Clients, config: ManageConfig, clock: Clock, metrics: Metrics) -> Self {
        let table = Table::new(clients.dynamodb(), config.table);
        let tallies = Tallies::new(&table, &clock);
        let account_store = Arc::new(AccountStore::new(table.clone()));
        let kind_store = Arc::new(KindStore::new(table.clone()));
        let metrics_page = MetricsPage {
            tallies: tallies.clone(),
            quotas: QuotaStore::new(table.clone()),
            sources: SourceStore::new(table.clone()),
        };
        let middleware = ApiMiddleware {
            accounts: account_store.clone(),
            issuer: config.tokens.map(|tokens| Arc::new(Issuer::new(tokens))),
            clock: clock.clone(),
            metrics: tallies.counters.count(metrics),
            key_usage: KeyUsage::Stored,
            timeout: REQUEST_TIMEOUT,
        };
        let accounts = Accounts { store: account_store.clone(), clock: clock.clone() };
        let kinds = Kinds {
            store: kind_store.clone(),
            accounts: account_store.clone(),
            jobs: JobStore::new(table.clone()),
            timing: config.timing,
            clock: clock.clone(),
        };
        let schedules = Schedules {
            store: ScheduleStore::new(table.clone()),
            scheduler: Scheduler::new(clients.scheduler(), config.scheduler),
            accounts: account_store.clone(),
            kinds: kind_store,
            clock: clock.clone(),
        };
        let sources = Sources {
            store: SourceStore::new(table.clone()),
            accounts: account_store.clone(),
            clock: clock.clone(),
        };
        let quotas =
            Quotas { store: QuotaStore::new(table.clone()), accounts: account_store, clock };
        Self {
            accounts: Arc::new(accounts),
            kinds: Arc::new(kinds),
            schedules: Arc::new(schedules),
            sources: Arc::new(sources),
            quotas: Arc::new(quotas),
            metrics_page: Arc::new(metrics_page),
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
        warm_up(self.accounts.store.warm_up()).await;
    }
}

tollgate_http::routes! { App:
    accounts::create,
    accounts::list,
    accounts::get,
    accounts::change,
    keys::create,
    keys::list,
    keys::revoke,
    webhook_secrets::create,
    webhook_secrets::list,
    kinds::put,
    kinds::delete,
    kinds::list,
    kinds::get,
    schedules::put,
    schedules::delete,
    schedules::list,
    schedules::get,
    sources::put,
    sources::delete,
    sources::list,
    sources::get,
    quotas::put,
    quotas::delete,
    quotas::list,
    quotas::get,
    metrics::get,
}

/// The routes with middleware and state.
pub fn router(app: App) -> Router {
    let middleware = app.middleware.clone();
    middleware.wrap(routes().with_state(app))
}
