//! One AWS account for one test.

mod endpoint;
mod service;

use crate::{
    clock::{START_MS, SimClock},
    faults::Plan,
    ledger::Ledger,
    queue::{Message, Queue, Queues},
    scheduler::{Fate, Occurrence, Scheduler},
    seed::Seed,
    trace::Trace,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::HttpClient;
use aws_types::{SdkConfig, region::Region};
pub use endpoint::COUNTER_UPDATE;
use endpoint::{AwsEndpoint, FunctionClient, RequestHook};
use serde_json::Value;
pub use service::AwsRequest;
pub(crate) use service::Service;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

pub const TABLE: &str = "tollgate";

pub const JOBS: &str = "jobs";

pub const DEAD_LETTERS: &str = "jobs-dead-letters";

/// Name of the group of recurring schedules.
pub const SCHEDULES: &str = "schedules";

#[derive(Clone, Debug)]
pub struct Settings {
    /// Time of day at the start, in milliseconds since 1970.
    pub start_ms: i64,
    /// Visibility timeout of both queues.
    pub visibility: Duration,
    /// Receives before a job's message goes to the dead-letter queue.
    pub max_receives: u32,
    /// Seed of the SDK's random numbers (retry jitter, client tokens).
    pub sdk_seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            start_ms: START_MS,
            visibility: Duration::from_secs(180),
            max_receives: 1_000,
            sdk_seed: 0,
        }
    }
}

/// A simulated AWS account. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Aws {
    door: AwsEndpoint,
    clock: SimClock,
}

impl Aws {
    /// An account with an empty table, two empty queues and an empty group of schedules.
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        // The SDK's random generator is thread-local, as is a test's runtime. A test with two
        // accounts should therefore create both before it uses either.
        fastrand::seed(settings.sdk_seed);
        let clock = SimClock::new(settings.start_ms);
        let dead_letters = Queue::new(DEAD_LETTERS, settings.visibility);
        let jobs =
            Queue::new(JOBS, settings.visibility).with_redrive(DEAD_LETTERS, settings.max_receives);
        let queues = Queues::new(clock, [jobs, dead_letters]);
        let scheduler = Scheduler::new(clock, vec![SCHEDULES]);
        Self { door: AwsEndpoint::open(clock, queues, scheduler), clock }
    }

    /// The clock that expires items and stamps messages.
    pub fn clock(&self) -> SimClock {
        self.clock
    }

    /// The configuration of a new process. Each call stands for a process with its own retry quota,
    /// which no other process or test can drain.
    ///
    /// The SDK keeps those quotas in a static per service and region, and [`SdkConfig`] can't
    /// select another partition. Each process therefore gets its own region.
    pub fn sdk_config(&self) -> SdkConfig {
        self.config_by(self.door.clone())
    }

    /// Like [`Aws::sdk_config`], with calls restricted to the function's IAM policy.
    pub fn sdk_config_of(&self, function: &'static str) -> SdkConfig {
        self.config_by(FunctionClient { function, door: self.door.clone() })
    }

    fn config_by(&self, client: impl HttpClient + 'static) -> SdkConfig {
        static PROCESSES: AtomicU64 = AtomicU64::new(1);
        let region = format!("eu-sim-{}", PROCESSES.fetch_add(1, Ordering::Relaxed));
        let credentials = Credentials::new("AKIDSIM", "secret", None, None, "sim");
        SdkConfig::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(Region::new(region))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(client)
            .sleep_impl(TokioSleep::new())
            .time_source(self.clock)
            .build()
    }

    /// A DynamoDB client in a new process.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.sdk_config())
    }

    /// An SQS client in a new process.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.sdk_config())
    }

    /// A Scheduler client in a new process.
    pub fn scheduler(&self) -> aws_sdk_scheduler::Client {
        aws_sdk_scheduler::Client::new(&self.sdk_config())
    }

    /// A queue's ARN, as schedules' targets name it.
    pub fn queue_arn(&self, queue: &str) -> String {
        arn_of(queue)
    }

    /// The URL of a queue such as [`JOBS`].
    pub fn queue_url(&self, queue: &str) -> String {
        url_of(queue)
    }

    /// Replaces the plan of faults.
    pub fn inject(&self, plan: Plan) {
        self.door.faults.inject(plan);
    }

    /// Removes all faults and returns how many occurred since the plan was set. A test should check
    /// the number, because faults that never occurred prove nothing.
    pub fn heal(&self) -> u64 {
        self.door.faults.heal()
    }

    /// Delays writes to the `agenda` index by up to `longest` from now on. Drawn from `seed`: most
    /// delays are short, a few are long.
    pub fn lag_index(&self, longest: Duration, seed: Seed) {
        self.door.database.lag(self.clock, longest, seed);
    }

    /// Limits each partition of the table and of its index to so many read and write units per
    /// second. DynamoDB's own limits are 3,000 and 1,000.
    pub fn limit_partitions(&self, reads: f64, writes: f64) {
        self.door.database.limit(self.clock, reads, writes);
    }

    /// Plants a bug: makes a correct stack behave as a faulty one would, to verify that tests
    /// detect it. The rule gets each operation and its request. It may change the request, or
    /// return the service's response itself.
    pub fn plant(&self, flaw: impl Fn(&str, &mut Value) -> Option<Value> + Send + Sync + 'static) {
        *self.door.flaw.lock().unwrap() = Some(RequestHook::new(flaw));
    }

    /// Enables Lambda's recursive loop detection, as if no function set `RecursiveLoop: Allow`.
    pub fn enforce_loop_detection(&self) {
        self.door.loops.enforced.store(true, Ordering::Relaxed);
    }

    /// Invocations refused by recursive loop detection: `RecursiveInvocationsDropped`.
    pub fn dropped_invocations(&self) -> u64 {
        self.door.loops.refused.load(Ordering::Relaxed)
    }

    /// A digest of every call so far: its time, its request and its fault.
    pub fn trace(&self) -> Trace {
        *self.door.trace.lock().unwrap()
    }

    /// All calls since the last reset.
    pub fn ledger(&self) -> Ledger {
        self.door.ledger.lock().unwrap().clone()
    }

    /// Resets the ledger and returns the previous one.
    pub fn reset_ledger(&self) -> Ledger {
        std::mem::take(&mut *self.door.ledger.lock().unwrap())
    }

    /// Deletes expired items, as DynamoDB does eventually, and returns their number.
    pub fn sweep_ttl(&self) -> usize {
        self.door.database.sweep_ttl()
    }

    /// Every item of the table in DynamoDB's JSON; neither billed nor subject to faults.
    pub fn items(&self) -> Vec<Value> {
        self.door.database.items()
    }

    /// Every message of a queue including hidden ones, oldest first.
    pub fn messages(&self, queue: &str) -> Vec<Message> {
        self.door.queues.messages(queue)
    }

    /// Loses the `nth` message that is not in flight and matches `those`, and returns it.
    pub fn lose_message(
        &self,
        queue: &str,
        nth: usize,
        those: impl Fn(&Message) -> bool,
    ) -> Option<Message> {
        self.door.queues.lose(queue, nth, those)
    }

    /// Messages that a queue deleted at the end of its retention.
    pub fn expired_messages(&self, queue: &str) -> u64 {
        self.door.queues.expired(queue)
    }

    /// Every schedule in Scheduler's JSON, by group and name.
    pub fn schedules(&self) -> Vec<Value> {
        self.door.scheduler.schedules()
    }

    /// Publishes a metric's sum of one minute to CloudWatch. `minute` is its start in seconds since
    /// 1970.
    pub fn put_metric(
        &self,
        namespace: &str,
        name: &str,
        dimensions: &[(&str, &str)],
        minute: i64,
        sum: f64,
    ) {
        self.door.cloudwatch.put(namespace, name, dimensions, minute, sum);
    }

    /// Sends the messages of due schedules and returns their number. An
    /// [`EventSource`](crate::EventSource) that runs until it is idle does this itself.
    pub fn fire_due_schedules(&self) -> usize {
        self.door.scheduler.fire(&self.door.queues)
    }

    /// Sets the rule that decides the fate of each occurrence of a recurring schedule. Its
    /// arguments are the schedule's name and the due time in milliseconds since 1970.
    pub fn decide_occurrences(&self, rule: impl Fn(&str, i64) -> Fate + Send + Sync + 'static) {
        self.door.scheduler.decide(rule);
    }

    /// Occurrences that Scheduler gave up whose dead letters are not sent yet.
    pub fn pending_dead_letters(&self) -> usize {
        self.door.scheduler.undelivered()
    }

    /// All occurrences of recurring schedules with their fates, in order.
    pub fn occurrences(&self) -> Vec<Occurrence> {
        self.door.scheduler.occurrences()
    }

    /// Every mail that SES accepted, oldest first: `To`, `From`, `Subject`, `Text` and `Html`.
    pub fn outbox(&self) -> Vec<Value> {
        self.door.ses.outbox()
    }

    /// Makes SES refuse mails to an address, as its sandbox does, or accept them again.
    pub fn refuse_mails_to(&self, address: &str, refused: bool) {
        self.door.ses.refuse(address, refused);
    }

    /// Adds an address to SES's suppression list, as a bounce does, or removes it.
    pub fn suppress_mails_to(&self, address: &str, suppressed: bool) {
        self.door.ses.suppress(address, suppressed);
    }

    /// The latest gauge values in CloudWatch, by name and dimension.
    pub fn gauges(&self) -> std::collections::BTreeMap<String, f64> {
        self.door.cloudwatch.gauges()
    }

    pub(crate) fn door(&self) -> &AwsEndpoint {
        &self.door
    }
}

impl Default for Aws {
    fn default() -> Self {
        Self::new()
    }
}

/// A queue's URL. Its region need not be a process's region: the SDK sends the URL along unparsed.
pub(crate) fn url_of(queue: &str) -> String {
    format!("https://sqs.eu-west-1.amazonaws.com/000000000000/{queue}")
}

pub(crate) fn arn_of(queue: &str) -> String {
    format!("arn:aws:sqs:eu-west-1:000000000000:{queue}")
}

#[cfg(test)]
pub(crate) mod tests;
