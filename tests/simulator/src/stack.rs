//! All of Tollgate in one process: the routers, the queue, the worker, the minute tick.

mod options;
mod service;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use http::Method;
use model::{
    account::{Account, ApiKey, KeyRecord, Scope},
    id::{self, AccountId},
    job::Timing,
    time::Time,
};
use runtime::{
    clock::Clock,
    config::{
        ManageConfig, PollConfig, PushAddress, QuotaCheckConfig, SchedulerConfig, SubmitConfig,
        WorkerConfig,
    },
    telemetry::Metrics,
};
use serde_json::{Value, json};
use store::{AccountStore, Clients, Error, Table};

use crate::{
    Aws, DEAD_LETTERS, EventSource, JOBS, Run, SCHEDULES, Settings, TABLE, client::Client,
};

pub use options::Options;
pub use service::Service;

/// All scopes except the operator's.
pub const TENANT_SCOPES: [Scope; 6] = [
    Scope::JobsRead,
    Scope::JobsWrite,
    Scope::EventsRead,
    Scope::EventsWrite,
    Scope::UsageRead,
    Scope::UsageWrite,
];

/// A stack with an operator, a tenant and the kind `echo`.
#[derive(Debug)]
pub struct Stack {
    pub aws: Aws,
    pub timing: Timing,
    operator: ApiKey,
    tenant: ApiKey,
    lines: Arc<Mutex<Vec<String>>>,
    options: Options,
}

/// A worker process, with its own caches and its own SDK retry quota.
pub type Worker = queue_worker::Worker;

/// A process of the minute tick.
pub type Checker = quota_check::Checker;

impl Stack {
    pub async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub async fn with(options: Options) -> Self {
        // Failing tests show the functions' logs.
        let _ = tracing_subscriber::fmt().with_test_writer().with_ansi(false).try_init();
        let timing = Timing::for_target(options.target);
        let settings = Settings {
            visibility: timing.visibility(),
            max_receives: options.max_receives,
            ..Settings::default()
        };
        let aws = Aws::with(settings);
        let accounts = AccountStore::new(Table::new(aws.dynamodb(), TABLE));
        let now = Time::from_millis(aws.clock().now_ms());
        let operator = make_key(&accounts, "operator", &[Scope::Admin], now).await;
        let tenant = make_key(&accounts, "tenant", &TENANT_SCOPES, now).await;
        let stack = Self { aws, timing, operator, tenant, lines: Arc::default(), options };
        stack.define("echo", json!({"schema": {}, "target": {"type": "echo"}})).await;
        stack.aws.reset_ledger();
        stack
    }

    pub fn operator_key(&self) -> String {
        self.operator.reveal()
    }

    pub fn tenant_key(&self) -> String {
        self.tenant.reveal()
    }

    pub fn operator(&self) -> Client {
        self.client(&self.operator_key())
    }

    /// A client with the tenant's key; every function runs in a new process.
    pub fn tenant(&self) -> Client {
        self.client(&self.tenant_key())
    }

    /// Like [`Stack::tenant`], with the functions' clocks `ahead_ms` ahead, or behind if negative.
    pub fn tenant_with_clock_skew(&self, ahead_ms: i64) -> Client {
        Client::new(self.service_with_clock_skew(ahead_ms), &self.tenant.reveal())
    }

    pub fn tenant_account(&self) -> AccountId {
        self.tenant.account
    }

    /// `key` may be empty: the requests then carry none.
    pub fn client(&self, key: &str) -> Client {
        Client::new(self.service(), key)
    }

    /// A client of functions that run already.
    pub fn client_with_service(&self, service: &Service, key: &str) -> Client {
        Client::new(service.clone(), key)
    }

    /// Opens another account and returns a key of it.
    pub async fn create_account_key(&self, scopes: &[Scope]) -> String {
        make_key(&self.accounts(), "another", scopes, self.now()).await.reveal()
    }

    /// The account store, outside any function's IAM policy.
    pub fn accounts(&self) -> AccountStore {
        AccountStore::new(Table::new(self.aws.dynamodb(), TABLE))
    }

    /// Defines a kind. Panics if the API refuses it.
    pub async fn define(&self, name: &str, spec: Value) {
        let answer =
            self.operator().send(Method::PUT, &format!("/v1/kinds/{name}"), Some(spec)).await;
        assert!(answer.status == 200 || answer.status == 201, "{answer:?}");
    }

    /// The HTTP functions in new processes, behind the template's routes.
    pub fn service(&self) -> Service {
        self.service_with_clock_skew(0)
    }

    /// Like [`Stack::service`], with clocks `ahead_ms` ahead, or behind if negative.
    pub fn service_with_clock_skew(&self, ahead_ms: i64) -> Service {
        let clock = self.skewed_clock(ahead_ms);
        let (submit, poll) = (self.submit(clock.clone()), self.poll(clock.clone()));
        let manage = self.manage(clock.clone());
        Service {
            submit_tallies: submit.tallies(),
            other_tallies: [poll.tallies(), manage.tallies()],
            submit: submit::router(submit),
            poll: poll::router(poll),
            manage: manage::router(manage),
            console: console::router(self.console(clock)).unwrap(),
        }
    }

    fn submit(&self, clock: Clock) -> submit::App {
        let config = SubmitConfig {
            table: TABLE.into(),
            queue_url: self.aws.queue_url(JOBS),
            push: Self::push_address(),
            tokens: self.options.tokens.clone(),
        };
        submit::App::new(self.clients("submit"), config, clock, self.metrics())
    }

    fn poll(&self, clock: Clock) -> poll::App {
        let config = PollConfig {
            table: TABLE.into(),
            tokens: self.options.tokens.clone(),
            wait_slots: self.options.wait_slots,
        };
        poll::App::new(self.clients("poll"), config, clock, self.metrics())
    }

    fn manage(&self, clock: Clock) -> manage::App {
        let config = ManageConfig {
            table: TABLE.into(),
            scheduler: self.scheduler_config(),
            timing: self.timing,
            tokens: self.options.tokens.clone(),
        };
        manage::App::new(self.clients("manage"), config, clock, self.metrics())
    }

    fn console(&self, clock: Clock) -> console::App {
        console::App { push: Self::push_address(), clock, metrics: self.metrics() }
    }

    /// Runs the functions' initialization, which opens their connections.
    pub async fn prime(&self) {
        self.submit(self.clock()).prime().await;
        self.poll(self.clock()).prime().await;
        self.manage(self.clock()).prime().await;
        self.worker().prime().await;
    }

    /// Address of the WebSocket API. No socket listens there: only simulated connections work.
    pub(crate) fn push_address() -> PushAddress {
        let connections = "http://127.0.0.1:9/live".to_owned();
        PushAddress { url: "ws://127.0.0.1:9/live".to_owned(), connections }
    }

    pub fn scheduler_config(&self) -> SchedulerConfig {
        SchedulerConfig {
            schedules_group: SCHEDULES.into(),
            role_arn: "arn:aws:iam::000000000000:role/scheduler".into(),
            queue_arn: self.aws.queue_arn(JOBS),
            dead_letter_queue_arn: self.aws.queue_arn(DEAD_LETTERS),
        }
    }

    /// A worker in a new process.
    pub fn worker(&self) -> Worker {
        self.worker_with_clock_skew(0)
    }

    /// Like [`Stack::worker`], with a clock `ahead_ms` ahead, or behind if negative.
    pub fn worker_with_clock_skew(&self, ahead_ms: i64) -> Worker {
        let config = WorkerConfig {
            table: TABLE.into(),
            queue_url: self.aws.queue_url(JOBS),
            dead_letter_queue_url: self.aws.queue_url(DEAD_LETTERS),
            timing: self.timing,
            allow_private_targets: self.options.allow_private_targets,
            max_running: self.options.max_running,
        };
        let worker = Worker::new(
            self.clients("queue-worker"),
            config,
            self.skewed_clock(ahead_ms),
            self.metrics(),
        );
        match &self.options.network {
            Some(way) => worker.with_client(way.clone()),
            None => worker,
        }
    }

    /// Runs one worker in batches of ten until the queue is empty or `patience` ends.
    pub async fn run_worker(&self, patience: Duration) -> Run {
        let worker = self.worker();
        let source = EventSource::new(&self.aws, JOBS, 10).function_timeout(self.timing.function());
        source
            .run_until_idle(patience, async |event| {
                Ok::<_, String>(worker.handle(event, "run", self.deadline()).await)
            })
            .await
    }

    /// Runs the stack for `time` as if deployed: a tick per minute, and a worker in between.
    pub async fn run_for(&self, time: Duration) {
        let end = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < end {
            let minute = tokio::time::Instant::now() + Duration::from_secs(60);
            self.check().await.unwrap();
            self.run_worker(minute - tokio::time::Instant::now()).await;
            tokio::time::sleep_until(minute).await;
        }
    }

    /// The minute tick in a new process.
    pub fn checker(&self) -> Checker {
        self.checker_with_clock_skew(0)
    }

    /// Like [`Stack::checker`], with a clock `ahead_ms` ahead, or behind if negative.
    pub fn checker_with_clock_skew(&self, ahead_ms: i64) -> Checker {
        let config = QuotaCheckConfig {
            table: TABLE.into(),
            queue_url: self.aws.queue_url(JOBS),
            sender: self.options.sender.clone(),
            allow_private_targets: self.options.allow_private_targets,
            namespace: "Tollgate/sim".into(),
        };
        let checker = Checker::new(
            self.clients("quota-check"),
            config,
            self.skewed_clock(ahead_ms),
            self.metrics(),
        );
        match &self.options.network {
            Some(way) => checker.with_client(way.clone()),
            None => checker,
        }
    }

    /// Runs the minute tick once.
    pub async fn check(&self) -> Result<(), Error> {
        self.checker().check("check", self.now()).await
    }

    /// Deadline of an invocation that starts now.
    pub fn deadline(&self) -> Time {
        self.now() + self.timing.function()
    }

    pub fn now(&self) -> Time {
        Time::from_millis(self.aws.clock().now_ms())
    }

    /// The metrics emitted so far.
    pub fn emitted_metrics(&self) -> Vec<Value> {
        self.lines.lock().unwrap().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// AWS clients of a function, restricted to its IAM policy.
    pub(crate) fn clients(&self, function: &'static str) -> Clients {
        Clients::of(&self.aws.sdk_config_of(function))
    }

    pub(crate) fn clock(&self) -> Clock {
        self.skewed_clock(0)
    }

    fn skewed_clock(&self, ahead_ms: i64) -> Clock {
        let clock = self.aws.clock().skewed(ahead_ms);
        Clock::new(move || Time::from_millis(clock.now_ms()))
    }

    fn metrics(&self) -> Metrics {
        let lines = self.lines.clone();
        Metrics::new(move |line| lines.lock().unwrap().push(line))
    }
}

async fn make_key(accounts: &AccountStore, name: &str, scopes: &[Scope], now: Time) -> ApiKey {
    let account = Account::create(id::generate(now, rand::random()), name, rand::random(), now);
    // The key counts as used already, so that the first request bills no update of its last use.
    let key = ApiKey::generate(
        account.id,
        id::generate(now - Duration::from_secs(60), rand::random()),
        rand::random(),
    );
    let record = KeyRecord {
        last_used_at: Some(now),
        ..KeyRecord::new(&key, name, scopes.iter().copied().collect(), now)
    };
    accounts.put_account(&account).await.unwrap();
    accounts.put_key(&record).await.unwrap();
    key
}
