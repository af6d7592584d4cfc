//! Runs job attempts: receives messages from the jobs queue, calls each job's target and records
//! the outcome. Also drains the dead-letter queue.
//!
//! The messages of a batch are handled concurrently and reported individually. Lambda deletes the
//! messages that succeed. A job that has to wait is sent as a new message with a delay. A message
//! that an outage kept from being handled is reported as a batch item failure and redelivered. One
//! `ChangeMessageVisibilityBatch` call per batch sets the times of redelivery.

mod announcement;
mod assignment;
mod attempt;
mod callback;
mod claim;
mod concurrency;
mod context;
mod dead_letter;
mod deliver;
mod disposition;
mod ended;
mod event;
mod finish;
mod handler;
mod message;
mod metrics;
mod outcome;
mod ready_queue;
mod recent_queues;
mod requeue;
mod scheduled;
mod target;

use std::sync::Arc;

use model::job::Timing;
use outbound::Outbound;
use runtime::{clock::Clock, config::WorkerConfig, telemetry::Metrics};
use store::{
    AccountStore, Clients, CompletionTimeRecorder, DueStore, EventStore, JobQueue, JobStore,
    KindStore, RowStore, ScheduleStore, SlotStore, Table, Tallies, warm_up,
};

use recent_queues::RecentQueues;
use target::Targets;

#[derive(Debug)]
pub struct Worker {
    accounts: Arc<AccountStore>,
    kinds: KindStore,
    jobs: JobStore,
    due: DueStore,
    events: EventStore,
    tallies: Tallies,
    completion_times: CompletionTimeRecorder,
    schedules: ScheduleStore,
    slots: SlotStore,
    rows: RowStore,
    queue: JobQueue,
    dead_letters: JobQueue,
    targets: Targets,
    /// Ready queues as read for the previous batches.
    recent_queues: RecentQueues,
    /// Concurrency limit for accounts without their own.
    max_running: Option<u32>,
    timing: Timing,
    clock: Clock,
    metrics: Metrics,
}

impl Worker {
    #[must_use]
    pub fn new(clients: Clients, config: WorkerConfig, clock: Clock, metrics: Metrics) -> Self {
        let table = Table::new(clients.dynamodb(), config.table);
        let sqs = clients.sqs();
        let tallies = Tallies::new(&table, &clock);
        let metrics = tallies.counters.count(metrics);
        // Event counts are not written to CloudWatch.
        let event_metrics = tallies.counters.count(Metrics::new(drop));
        Self {
            accounts: Arc::new(AccountStore::new(table.clone())),
            kinds: KindStore::new(table.clone()),
            jobs: JobStore::new(table.clone()),
            due: DueStore::new(table.clone()),
            events: EventStore::new(
                table.clone(),
                tallies.rates.clone(),
                event_metrics,
                clock.clone(),
            ),
            tallies,
            completion_times: CompletionTimeRecorder::new(table.clone(), clock.clone()),
            rows: RowStore::new(table.clone()),
            schedules: ScheduleStore::new(table.clone()),
            slots: SlotStore::new(table),
            queue: JobQueue::new(sqs.clone(), config.queue_url),
            dead_letters: JobQueue::new(sqs, config.dead_letter_queue_url),
            targets: Targets::new(config.allow_private_targets),
            recent_queues: RecentQueues::default(),
            max_running: config.max_running,
            timing: config.timing,
            clock,
            metrics,
        }
    }

    /// Returns this worker with `client` as the client for its targets.
    #[must_use]
    pub fn with_client(self, client: Outbound) -> Self {
        Self { targets: Targets::with_client(client), ..self }
    }

    /// Opens the connection to DynamoDB, so that the first batch doesn't wait for it.
    pub async fn prime(&self) {
        warm_up(self.accounts.warm_up()).await;
    }
}
