//! One AWS account for one test.

mod door;
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
pub use door::TOTALS;
use door::{Caller, Door, Flaw};
use serde_json::Value;
pub use service::Asked;
pub(crate) use service::Service;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// The table's name.
pub const TABLE: &str = "tollgate";

/// The jobs queue's name.
pub const JOBS: &str = "jobs";

/// The name of the jobs queue's dead-letter queue.
pub const DEAD_LETTERS: &str = "jobs-dead-letters";

/// The name of the group of schedules that recur.
pub const SCHEDULES: &str = "schedules";

/// What a test may want otherwise.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The time of day at the start, in milliseconds since 1970.
    pub start_ms: i64,
    /// How long a received message stays hidden, in both queues.
    pub visibility: Duration,
    /// How often a job's message is received before it goes to the dead letters.
    pub max_receives: u32,
    /// What the SDK's own chances (the jitter of its retries, its tokens) follow from.
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

/// An AWS account that lives and dies with its test; clones are handles to the same one.
#[derive(Clone, Debug)]
pub struct Aws {
    door: Door,
    clock: SimClock,
}

impl Aws {
    /// An account with an empty table, two empty queues and two empty groups of schedules.
    pub fn new() -> Self {
        Self::with(Settings::default())
    }

    /// The same, with other settings.
    pub fn with(settings: Settings) -> Self {
        // The SDK rolls its dice on a generator that belongs to the thread, as does a test's
        // runtime. Two accounts in one test should therefore be made before either is used.
        fastrand::seed(settings.sdk_seed);
        let clock = SimClock::new(settings.start_ms);
        let dead_letters = Queue::new(DEAD_LETTERS, settings.visibility);
        let jobs =
            Queue::new(JOBS, settings.visibility).redriven(DEAD_LETTERS, settings.max_receives);
        let queues = Queues::new(clock, [jobs, dead_letters]);
        let scheduler = Scheduler::new(clock, vec![SCHEDULES]);
        Self { door: Door::open(clock, queues, scheduler), clock }
    }

    /// The time of day by which tables expire and queues stamp their messages.
    pub fn clock(&self) -> SimClock {
        self.clock
    }

    /// What a function finds at its start. Each call stands for a process of its own: a retry quota
    /// that no other process, and no other test, can drain.
    ///
    /// The SDK keeps those quotas in a static, by service and region, and an [`SdkConfig`] has no
    /// place for another partition; so each process gets a region of its own.
    pub fn sdk_config(&self) -> SdkConfig {
        self.config_by(self.door.clone())
    }

    /// The same for one of the stack's functions, whose calls are held to its policy.
    pub fn sdk_config_of(&self, function: &'static str) -> SdkConfig {
        self.config_by(Caller { function, door: self.door.clone() })
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

    /// A client for the table, as a process of its own.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.sdk_config())
    }

    /// A client for the queues, as a process of its own.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.sdk_config())
    }

    /// A client for the scheduler, as a process of its own.
    pub fn scheduler(&self) -> aws_sdk_scheduler::Client {
        aws_sdk_scheduler::Client::new(&self.sdk_config())
    }

    /// A queue's name in the wider world, which targets of schedules go by.
    pub fn queue_arn(&self, queue: &str) -> String {
        arn_of(queue)
    }

    /// The address of a queue, such as [`JOBS`].
    pub fn queue_url(&self, queue: &str) -> String {
        url_of(queue)
    }

    /// Puts a plan of faults into force, in place of any other.
    pub fn inject(&self, plan: Plan) {
        self.door.faults.inject(plan);
    }

    /// Ends all faults, and says how many there were since the plan came into force: a test of
    /// faults that never struck has shown nothing.
    pub fn heal(&self) -> u64 {
        self.door.faults.heal()
    }

    /// Has the index `agenda` show what is written up to `longest` later, from now on; by `seed`, mostly a moment and at times long.
    pub fn lag_index(&self, longest: Duration, seed: Seed) {
        self.door.database.lag(self.clock, longest, seed);
    }

    /// Has each partition of the table, and of its index, take so many read and write units a
    /// second, from now on. DynamoDB's take 3,000 and 1,000.
    pub fn limit_partitions(&self, reads: f64, writes: f64) {
        self.door.database.limit(self.clock, reads, writes);
    }

    /// Has services do other than they are asked to, so that a stack that is sound behaves as one with a bug would, to see that the bug
    /// would be noticed. The rule is shown each operation and its request; it may change that, or answer it in the service's place.
    pub fn plant(&self, flaw: impl Fn(&str, &mut Value) -> Option<Value> + Send + Sync + 'static) {
        *self.door.flaw.lock().unwrap() = Some(Flaw::new(flaw));
    }

    /// Has Lambda end every loop from now on, as if no function said `RecursiveLoop: Allow`.
    pub fn end_loops(&self) {
        self.door.loops.are_ended.store(true, Ordering::Relaxed);
    }

    /// How many invocations Lambda refused as a part of a loop: `RecursiveInvocationsDropped`.
    pub fn loops_ended(&self) -> u64 {
        self.door.loops.refused.load(Ordering::Relaxed)
    }

    /// A digest of every call so far: when it was made, what it asked for, and what befell it.
    pub fn trace(&self) -> Trace {
        *self.door.trace.lock().unwrap()
    }

    /// What has been called since the last reset.
    pub fn ledger(&self) -> Ledger {
        self.door.ledger.lock().unwrap().clone()
    }

    /// Starts the ledger again, and hands over what was in it.
    pub fn reset_ledger(&self) -> Ledger {
        std::mem::take(&mut *self.door.ledger.lock().unwrap())
    }

    /// Deletes what has expired, as DynamoDB does sooner or later, and says how many items it was.
    pub fn sweep_ttl(&self) -> usize {
        self.door.database.sweep_ttl()
    }

    /// Every item in the table, in DynamoDB's JSON; neither billed nor subject to faults.
    pub fn items(&self) -> Vec<Value> {
        self.door.database.items()
    }

    /// Every message in a queue, hidden ones too, oldest first.
    pub fn messages(&self, queue: &str) -> Vec<Message> {
        self.door.queues.messages(queue)
    }

    /// Has a queue lose one of `those` messages that are not in flight, which `nth` chooses; what it was.
    pub fn lose_message(
        &self,
        queue: &str,
        nth: usize,
        those: impl Fn(&Message) -> bool,
    ) -> Option<Message> {
        self.door.queues.lose(queue, nth, those)
    }

    /// How many messages a queue deleted because they were older than its retention.
    pub fn expired_messages(&self, queue: &str) -> u64 {
        self.door.queues.expired(queue)
    }

    /// Every schedule, in Scheduler's JSON, by group and name.
    pub fn schedules(&self) -> Vec<Value> {
        self.door.scheduler.schedules()
    }

    /// Makes known to CloudWatch what a metric came to in a minute, which is given by its begin in seconds since 1970.
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

    /// Has schedules send what is due by now, and says how many messages that were. An
    /// [`EventSource`](crate::EventSource) that runs until it is idle does so by itself.
    pub fn fire_due_schedules(&self) -> usize {
        self.door.scheduler.fire(&self.door.queues)
    }

    /// Decides from now on what becomes of each occurrence of a schedule that recurs, by its name
    /// and when it is due in milliseconds since 1970.
    pub fn decide_occurrences(&self, rule: impl Fn(&str, i64) -> Fate + Send + Sync + 'static) {
        self.door.scheduler.decide(rule);
    }

    /// How many occurrences Scheduler gave up, of which the dead letters are still to come.
    pub fn undelivered(&self) -> usize {
        self.door.scheduler.undelivered()
    }

    /// What became of every occurrence of schedules that recur, in their order.
    pub fn occurrences(&self) -> Vec<Occurrence> {
        self.door.scheduler.occurrences()
    }

    /// Every mail that SES took, oldest first: `To`, `From`, `Subject`, `Text` and `Html`.
    pub fn outbox(&self) -> Vec<Value> {
        self.door.ses.outbox()
    }

    /// Has SES refuse mails to an address from now on, as its sandbox does, or take them again.
    pub fn refuse_mails_to(&self, address: &str, refused: bool) {
        self.door.ses.refuse(address, refused);
    }

    /// Puts an address on SES's suppression list, as mails do that come back, or takes it off.
    pub fn suppress_mails_to(&self, address: &str, suppressed: bool) {
        self.door.ses.suppress(address, suppressed);
    }

    /// What the gauges in CloudWatch showed last, by name and dimension.
    pub fn gauges(&self) -> std::collections::BTreeMap<String, f64> {
        self.door.cloudwatch.gauges()
    }

    pub(crate) fn door(&self) -> &Door {
        &self.door
    }
}

impl Default for Aws {
    fn default() -> Self {
        Self::new()
    }
}

/// A queue's address. Its region is not the one that any process runs in, and need not be: the
/// SDK sends the address along without looking at it.
pub(crate) fn url_of(queue: &str) -> String {
    format!("https://sqs.eu-west-1.amazonaws.com/000000000000/{queue}")
}

/// A queue's name in the wider world.
pub(crate) fn arn_of(queue: &str) -> String {
    format!("arn:aws:sqs:eu-west-1:000000000000:{queue}")
}

#[cfg(test)]
pub(crate) mod tests;
