//! Price of a million jobs. It is derived from the calls and capacity units of 300 jobs at 50 a
//! second, each submitted, run in batches and polled twice. Background work is included:
//! throughput, completion times, totals and the checks of that time.
//!
//! Prices are those of us-east-1 with functions on arm64, in dollars per million:
//!
//! <https://aws.amazon.com/api-gateway/pricing/>, <https://aws.amazon.com/lambda/pricing/>,
//! <https://aws.amazon.com/sqs/pricing/>, <https://aws.amazon.com/dynamodb/pricing/on-demand/>.

use std::{fmt, time::Duration};

use serde_json::json;
use sim::{Ledger, Stack};

const SECONDS: u64 = 6;
const JOBS_PER_SECOND: u64 = 50;
const JOBS: f64 = (SECONDS * JOBS_PER_SECOND) as f64;
const SECOND: Duration = Duration::from_secs(1);

/// Dollars per million jobs.
struct Price {
    gateway: f64,
    calls: f64,
    time: f64,
    messages: f64,
    written: f64,
    read: f64,
}

impl Price {
    fn of(ledger: &Ledger) -> Self {
        let requests = 3.0 * JOBS;
        let batches = ledger.count("DeleteMessageBatch") as f64;
        let checks = SECONDS as f64 / 60.0;
        let of_queue = [
            "SendMessage",
            "SendMessageBatch",
            "ReceiveMessage",
            "DeleteMessageBatch",
            "ChangeMessageVisibilityBatch",
        ];
        let messages: u64 = of_queue.iter().map(|operation| ledger.count(operation)).sum();
        Self {
            gateway: requests / JOBS,
            calls: 0.20 * (requests + batches + checks) / JOBS,
            // 8 ms of `submit` and 40 ms for a batch of the worker at 256 MB, and two polls of 4 ms
            // at 128 MB. About nine tenths of that is the latency of DynamoDB and SQS.
            time: 13.3334 * (0.008 / 4.0 + 2.0 * 0.004 / 8.0 + 0.040 / 4.0 * batches / JOBS),
            messages: 0.40 * messages as f64 / JOBS,
            written: 0.625 * ledger.write_units() / JOBS,
            read: 0.125 * ledger.read_units() / JOBS,
        }
    }

    fn total(&self) -> f64 {
        self.gateway + self.calls + self.time + self.messages + self.written + self.read
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gateway, calls, time, messages, written, read } = self;
        writeln!(f, "HTTP API           {gateway:.2}")?;
        writeln!(f, "Lambda, requests   {calls:.2}")?;
        writeln!(f, "Lambda, time       {time:.2}")?;
        writeln!(f, "SQS                {messages:.2}")?;
        writeln!(f, "DynamoDB, written  {written:.2}")?;
        writeln!(f, "DynamoDB, read     {read:.2}")?;
        write!(f, "in all             {:.2}", self.total())
    }
}

/// Measures the price with batches of at most `at_once` messages.
async fn measure(at_once: usize) -> Price {
    let stack = Stack::new().await;
    let (tenant, worker, checker) = (stack.tenant(), stack.worker(), stack.checker());
    let source = sim::EventSource::new(&stack.aws, sim::JOBS, at_once);
    let handle = async |event| Ok::<_, String>(worker.handle(event, "run", stack.deadline()).await);
    // Warms up the caches and completes the first check.
    tenant.submit("echo", json!(0)).await;
    source.run_until_idle(SECOND, handle).await;
    checker.check("check", stack.now()).await.unwrap();
    tokio::time::sleep(60 * SECOND).await;
    stack.aws.reset_ledger();

    for _ in 0..SECONDS {
        let mut ids = Vec::new();
        for n in 0..JOBS_PER_SECOND {
            let payload = json!({"id": n, "reason": "asked for it", "note": "x".repeat(150)});
            ids.push(tenant.submit("echo", payload).await.id().to_owned());
        }
        source.run_until_idle(SECOND / 2, handle).await;
        for _ in 0..2 {
            for id in &ids {
                assert_eq!(tenant.job(id).await.body["status"], "completed");
            }
        }
        tokio::time::sleep(SECOND).await;
    }
    checker.check("check", stack.now()).await.unwrap();
    Price::of(&stack.aws.reset_ledger())
}

#[tokio::test(start_paused = true)]
async fn price_of_a_million_jobs() {
    let price = measure(10).await;
    assert!(price.total() <= 7.50, "{price}");
    let told = include_str!("../../docs/cost.md");
    assert!(
        told.contains(&format!("```\n{price}\n```")),
        "docs/cost.md does not contain the price:\n{price}"
    );
}

/// At low traffic, Lambda's pollers find one or two messages, so that each job is a batch of its
/// own.
#[tokio::test(start_paused = true)]
async fn price_of_a_million_jobs_in_batches_of_one() {
    let more = measure(1).await.total() - measure(10).await.total();
    let row = format!("| at low traffic, when the worker receives each job alone | {more:.2}:");
    assert!(include_str!("../../docs/cost.md").contains(&row), "docs/cost.md has no row {row:?}");
}
