//! Everything in a run: the stack, its tenants, and their records.

use http::Method;
use model::{account::ApiKey, job::Timing, time::Time};
use serde_json::Value;
use sim::{
    Client, KillSwitch, Options, Seed, Service, Stack, TENANT_SCOPES, network,
    promises::{History, RequestOutcome, Span},
    run_until_killed,
};
use std::{
    cell::{Cell, RefCell},
    time::Duration,
};
use workload::{
    ActorRng, World, plan,
    scenario::{Request, TENANTS, Tenant},
    target::{self, Targets},
};

/// Processes that handle requests.
const MACHINES: usize = 4;
/// API Gateway's timeout for a function.
const GATEWAY_TIMEOUT: Duration = Duration::from_secs(29);

pub struct SimulatedWorld {
    pub stack: Stack,
    pub seed: Seed,
    pub tenants: Vec<Tenant>,
    pub targets: Targets,
    pub notes: RefCell<History>,
    /// Killed functions.
    pub kills: Cell<u64>,
    /// Lost messages.
    pub losses: Cell<u64>,
    machines: RefCell<Vec<Process>>,
    pub dice: ActorRng,
    is_calm: Cell<bool>,
}

/// A process of the HTTP functions, and its clock skew in milliseconds.
struct Process {
    service: Service,
    skew: i64,
}

impl SimulatedWorld {
    pub async fn new(seed: Seed) -> Self {
        let dice = ActorRng::new(seed, "world");
        let targets = Targets::new(seed);
        let options = Options {
            target: Duration::from_secs(10),
            max_receives: if dice.chance(50) { 3 } else { 1000 },
            network: Some(network(target::router(targets.clone()))),
            ..Options::default()
        };
        let stack = Stack::with(options).await;
        stack.aws.lag_index(Duration::from_secs(4), seed);
        let mut tenants = Vec::new();
        for _ in 0..TENANTS {
            let key = stack.create_account_key(&TENANT_SCOPES).await;
            tenants
                .push(Tenant { account: key.parse::<ApiKey>().unwrap().account.to_string(), key });
        }
        let machine = || {
            let skew = dice.skew();
            Process { service: stack.service_with_clock_skew(skew), skew }
        };
        let machines = RefCell::new((0..MACHINES).map(|_| machine()).collect());
        let (kills, losses, is_calm) = (Cell::default(), Cell::default(), Cell::new(true));
        Self {
            stack,
            seed,
            tenants,
            targets,
            notes: RefCell::default(),
            kills,
            losses,
            machines,
            dice,
            is_calm,
        }
    }

    /// Starts the faults.
    pub fn start_faults(&self) {
        self.is_calm.set(false);
        self.stack.aws.inject(plan::plan(self.seed, {
            let clock = self.stack.aws.clock();
            move || clock.now_ms()
        }));
    }

    /// Ends all faults. Returns how many calls had one, including delays.
    pub fn stop_faults(&self) -> u64 {
        self.is_calm.set(true);
        self.targets.always_succeed();
        let suffered = self.stack.aws.heal();
        self.stack.aws.inject(plan::calm(self.seed));
        suffered
    }

    pub fn is_calm(&self) -> bool {
        self.is_calm.get()
    }

    /// Whether a job is queued or running.
    pub fn has_unfinished_jobs(&self) -> bool {
        let is_unfinished = |item: &Value| {
            let is_job = item["pk"]["S"].as_str().is_some_and(|pk| pk.starts_with("JOBS#"));
            is_job && matches!(item["status"]["S"].as_str(), Some("queued" | "running"))
        };
        self.stack.aws.items().iter().any(is_unfinished)
    }

    pub fn timing(&self) -> Timing {
        self.stack.timing
    }

    /// A kill switch that kills in `percent` of all cases, at one of the first `most` calls.
    pub fn kill_switch(&self, dice: &ActorRng, percent: u64, most: u64) -> KillSwitch {
        let (is_doomed, nth) = (dice.chance(percent), dice.in_range(1..most));
        match (is_doomed && !self.is_calm.get(), dice.chance(50)) {
            (false, _) => KillSwitch::never(),
            (true, false) => KillSwitch::before(nth),
            (true, true) => KillSwitch::after(nth),
        }
    }

    /// Counts a killed function.
    pub fn count_kill(&self) {
        self.kills.set(self.kills.get() + 1);
    }

    fn client(&self, service: &Service, tenant: &Tenant, request: &Request) -> Client {
        let client = self.stack.client_with_service(service, &tenant.key);
        request.key.iter().fold(client, |client, key| client.with("idempotency-key", key))
    }
}

impl World for SimulatedWorld {
    fn seed(&self) -> Seed {
        self.seed
    }

    fn tenants(&self) -> &[Tenant] {
        &self.tenants
    }

    fn targets(&self) -> &Targets {
        &self.targets
    }

    fn notes(&self) -> &RefCell<History> {
        &self.notes
    }

    fn rng(&self) -> &ActorRng {
        &self.dice
    }

    fn now_ms(&self) -> i64 {
        self.stack.aws.clock().now_ms()
    }

    fn deadline_after(&self, time: Duration) -> i64 {
        self.now_ms() + i64::try_from(time.as_millis()).unwrap()
    }

    /// A job's `delay_seconds`, unscaled in the simulator.
    fn delay_seconds(&self, seconds: u64) -> u64 {
        seconds
    }

    fn start_hour(&self) -> Time {
        "2026-11-20T15:00:00Z".parse().unwrap()
    }

    fn unique_name(&self, what: &str) -> String {
        what.to_owned()
    }

    fn url(&self, path: &str) -> String {
        format!("http://target.example{path}")
    }

    /// Waits; the simulator takes the duration as it is.
    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Sends a request. If the function dies there is no response.
    async fn send_request(&self, tenant: &Tenant, request: Request) -> RequestOutcome {
        let begun = self.now_ms();
        tokio::time::sleep(self.dice.millis(1..40)).await;
        let any = usize::try_from(self.dice.in_range(0..MACHINES as u64)).unwrap();
        let machine = request.process.unwrap_or(any);
        let (service, switch) =
            (self.machines.borrow()[machine].service.clone(), self.kill_switch(&self.dice, 6, 6));
        let client = self.client(&service, tenant, &request);
        // Boxed: the nested future is too deep for the compiler.
        let work = Box::pin(client.send(request.method, &request.path, request.body));
        let answer = tokio::time::timeout(GATEWAY_TIMEOUT, run_until_killed(work, &switch))
            .await
            .ok()
            .flatten();
        if answer.is_none() {
            self.count_kill();
            let machine = &mut self.machines.borrow_mut()[machine];
            machine.service = self.stack.service_with_clock_skew(machine.skew);
        }
        let span = Span { begun, ended: self.now_ms() };
        let (status, body) =
            answer.map_or((None, Value::Null), |answer| (Some(answer.status), answer.body));
        RequestOutcome { span, status, body }
    }

    async fn operate(&self, method: Method, path: &str, body: Option<Value>) -> RequestOutcome {
        let begun = self.now_ms();
        let answer = self.stack.operator().send(method, path, body).await;
        RequestOutcome {
            span: Span { begun, ended: self.now_ms() },
            status: Some(answer.status),
            body: answer.body,
        }
    }

    async fn define(&self, name: &str, spec: Value) {
        self.stack.define(name, spec).await;
    }

    async fn check(&self) {
        self.stack.check().await.unwrap();
    }

    async fn mails(&self) -> Vec<String> {
        let outbox = self.stack.aws.outbox();
        outbox.iter().map(|mail| mail["Subject"].as_str().unwrap().to_owned()).collect()
    }
}
