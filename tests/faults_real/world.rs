//! Everything in a run: the stack of real processes, the proxy before the emulator, and the
//! clients' records.

use crate::{functions::Functions, proxy::Proxy, server};
use aws_sdk_sqs::types::QueueAttributeName;
use axum::body::Body;
use live_stack::{Stack, stack};
use model::time::Time;
use reqwest::Method;
use runtime::clock::Clock;
use serde_json::{Value, json};
use sim::{
    ConnectionAborted, Seed, TENANT_SCOPES,
    promises::{History, RequestOutcome, Span},
};
use std::{cell::RefCell, time::Duration};
use tokio::net::TcpListener;
use tower::ServiceExt;
use workload::{
    ActorRng, World,
    scenario::{Request, TENANTS, Tenant},
    target::{self, Targets},
};

/// Divisor of the clients' timeouts relative to the simulator.
const TIMEOUT_DIVISOR: u32 = 10;

pub struct RealWorld {
    pub seed: Seed,
    pub tenants: Vec<Tenant>,
    pub targets: Targets,
    pub notes: RefCell<History>,
    pub proxy: Proxy,
    pub stack: &'static Stack,
    /// Base URL of the targets.
    target_url: String,
    /// Id that distinguishes this run from others in the same stack.
    run: String,
    /// Speed relative to the simulator.
    pace: u32,
    began: Time,
    pub dice: ActorRng,
}

impl RealWorld {
    /// A world `pace` times as fast as the simulator.
    pub async fn new(seed: Seed, pace: u32) -> Self {
        let (stack, run) = (stack(), format!("{:08x}", rand::random::<u32>()));
        let proxy = Proxy::new(seed, &stack.endpoint, Functions::read().await, &run);
        proxy.open().await;
        let mut tenants = Vec::new();
        for n in 0..TENANTS {
            tenants.push(tenant(stack, &format!("faults-{run}-{n}")).await);
        }
        let (targets, listener) =
            (Targets::new(seed), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let at = format!("http://{}", listener.local_addr().unwrap());
        let router = target::router(targets.clone());
        let answer = move |_, request: http::Request<hyper::body::Incoming>| {
            let answer = router.clone().oneshot(request.map(Body::new));
            async move {
                answer
                    .await
                    .ok()
                    .filter(|answer| answer.extensions().get::<ConnectionAborted>().is_none())
            }
        };
        tokio::spawn(server::serve(listener, answer));
        let (dice, began, notes) =
            (ActorRng::new(seed, "world"), Clock::system().now(), RefCell::default());
        Self { seed, tenants, targets, notes, proxy, stack, target_url: at, run, pace, began, dice }
    }

    /// Starts the faults.
    pub fn start_faults(&self) {
        self.proxy.start_faults(self.seed, || Clock::system().now().millis());
    }

    /// Ends all faults.
    pub fn stop_faults(&self) {
        self.targets.always_succeed();
        self.proxy.stop_faults();
    }

    async fn send(
        &self,
        key: &str,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Value>,
    ) -> RequestOutcome {
        let begun = self.now_ms();
        let asked = format!("{method} {path}");
        let answer = self.stack.try_as(key, method, path, headers, body).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        self.proxy.log().write(&format!("client: {asked}: {status}"));
        let span = Span { begun, ended: self.now_ms() };
        let (status, body) =
            answer.map_or((None, Value::Null), |answer| (Some(answer.status), answer.body));
        RequestOutcome { span, status, body }
    }

    /// Number of messages in both queues.
    pub async fn queued_messages(&self) -> usize {
        let sqs = self.stack.aws().sqs();
        let sqs = &sqs;
        let queues = self.proxy.functions().queues().map(|queue| async move {
            let names = [QueueAttributeName::All];
            let call =
                sqs.get_queue_attributes().queue_url(queue).set_attribute_names(Some(names.into()));
            let numbers = call.send().await.unwrap().attributes.unwrap();
            let counted =
                numbers.iter().filter(|(name, _)| name.as_str().starts_with("ApproximateNumber"));
            counted.map(|(_, number)| number.parse::<usize>().unwrap()).sum::<usize>()
        });
        futures::future::join_all(queues).await.into_iter().sum()
    }
}

impl World for RealWorld {
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
        Clock::system().now().millis()
    }

    /// The end of a timeout, in milliseconds. Doesn't scale with the pace, because messages of a
    /// killed process return only after minutes.
    fn deadline_after(&self, time: Duration) -> i64 {
        self.now_ms() + i64::try_from((time / TIMEOUT_DIVISOR).as_millis()).unwrap()
    }

    /// A job's `delay_seconds` at this pace, at least 1.
    fn delay_seconds(&self, seconds: u64) -> u64 {
        (seconds / u64::from(self.pace)).max(1)
    }

    fn start_hour(&self) -> Time {
        const HOUR: i64 = 3_600_000;
        Time::from_millis(self.began.millis() / HOUR * HOUR)
    }

    fn unique_name(&self, what: &str) -> String {
        format!("{what}-{}", self.run)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.target_url)
    }

    /// Waits for the duration divided by the pace.
    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time / self.pace).await;
    }

    async fn send_request(&self, tenant: &Tenant, request: Request) -> RequestOutcome {
        let headers: Vec<_> =
            request.key.iter().map(|key| ("idempotency-key", key.as_str())).collect();
        self.send(&tenant.key, request.method, &request.path, &headers, request.body).await
    }

    async fn operate(&self, method: Method, path: &str, body: Option<Value>) -> RequestOutcome {
        self.send(&self.stack.operator_key, method, path, &[], body).await
    }

    async fn define(&self, name: &str, spec: Value) {
        self.stack.define(name, spec).await;
    }

    async fn check(&self) {
        let path =
            format!("/2015-03-31/functions/{}/invocations", self.stack.function("quota-check"));
        // The tick may fail, because its calls do.
        let _ = self.stack.try_emulator(Method::POST, &path, Some(json!({}))).await;
    }

    async fn mails(&self) -> Vec<String> {
        self.proxy.log().subjects()
    }
}

async fn tenant(stack: &Stack, name: &str) -> Tenant {
    let account =
        stack.operate(Method::POST, "/v1/accounts", Some(json!({"name": name}))).await.id();
    let key = json!({"name": name, "scopes": TENANT_SCOPES.map(|scope| scope.to_string())});
    let key = stack.operate(Method::POST, &format!("/v1/accounts/{account}/keys"), Some(key)).await;
    Tenant { account, key: key.body["secret"].as_str().unwrap().to_owned() }
}
