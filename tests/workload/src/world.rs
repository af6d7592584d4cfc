//! The interface of a run.

use crate::{
    ActorRng,
    scenario::{Request, Tenant, kinds},
    target::Targets,
};
use http::Method;
use model::time::Time;
use serde_json::Value;
use sim::{
    Seed,
    promises::{History, RequestOutcome},
};
use std::{cell::RefCell, time::Duration};

/// What the workload needs of the simulated stack or of a running one.
#[expect(async_fn_in_trait, reason = "a run polls its futures in one thread")]
pub trait World {
    fn seed(&self) -> Seed;
    fn tenants(&self) -> &[Tenant];
    fn targets(&self) -> &Targets;
    /// What the clients sent and received so far.
    fn notes(&self) -> &RefCell<History>;
    fn rng(&self) -> &ActorRng;

    fn now_ms(&self) -> i64;
    /// The end of a timeout, in milliseconds.
    fn deadline_after(&self, time: Duration) -> i64;
    /// A job's `delay_seconds` at the speed of this run.
    fn delay_seconds(&self, seconds: u64) -> u64;
    /// The hour in which this run began, as the start of charts.
    fn start_hour(&self) -> Time;
    /// Name of an object that must be unique in the stack.
    fn unique_name(&self, what: &str) -> String;
    /// URL of a target, a receiver of callbacks or a Prometheus page of this run.
    fn url(&self, path: &str) -> String;

    /// Waits for a duration at the speed of this run.
    async fn sleep(&self, time: Duration);
    /// Sends a request with a tenant's key.
    async fn send_request(&self, tenant: &Tenant, request: Request) -> RequestOutcome;
    /// Sends a request with the operator's key.
    async fn operate(&self, method: Method, path: &str, body: Option<Value>) -> RequestOutcome;
    /// Defines a kind.
    async fn define(&self, name: &str, spec: Value);
    /// An additional minute tick.
    async fn check(&self);
    /// Subjects of the mails about this run's quota, in order.
    async fn mails(&self) -> Vec<String>;

    /// Repeats a request until the response shows its result. For idempotent requests.
    async fn retry_until_answered(&self, tenant: &Tenant, request: Request) -> RequestOutcome {
        loop {
            let answer = self.send_request(tenant, request.clone()).await;
            if answer.status.is_some_and(|status| status < 500) {
                return answer;
            }
            self.sleep(self.rng().seconds(1..4)).await;
        }
    }

    fn other_tenant(&self, tenant: &Tenant) -> &Tenant {
        self.tenants().iter().find(|other| other.account != tenant.account).unwrap()
    }

    /// Defines the kinds of the run's jobs.
    async fn define_kinds(&self) {
        for (name, spec) in kinds(&self.url("/work")) {
            self.define(name, spec).await;
        }
    }
}
