//! Runs job attempts: receives messages from the jobs queue, calls each job's target and records
//! the outcome. Also drains the dead-letter queue.
//!
//! The messages of a batch are handled concurrently and reported individually. Lambda deletes the
//! messages that succeed. A job that has to wait is sent as a new message with a delay. A message
//! that an outage kept from being handled is reported as a batch item failure and redelivered. One
//! `ChangeMessageVisibilityBatch` call per batch sets the times of redelivery.

mod assignment;
mod attempt;
mod callback;
mod concurrency;
mod dead_letter;
mod disposition;
mod event;
mod finish;
mod message;
mod ready_queue;
mod scheduled;
mod target;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use futures::future::join_all;
use model::{
    job::{InvalidMessage, Message, Timing},
    time::Time,
};
use outbound::Outbound;
use runtime::{clock::Clock, config::WorkerConfig, telemetry::Metrics};
use store::{
    AccountStore, Clients, CompletionTimeRecorder, DueStore, EventStore, JobQueue, JobStore,
    KindStore, RowStore, ScheduleStore, SlotStore, Table, Tallies, VisibilityChange, warm_up,
};

use assignment::{Assignment, Work};
use attempt::JobContext;
use disposition::Handled;
use message::ReceivedMessage;
use ready_queue::ReadyQueues;
use target::Targets;

/// Redelivery delay of a message written by a newer version.
const NEWER_VERSION_DELAY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Worker {
    accounts: Arc<AccountStore>,
    kinds: KindStore,
    jobs: JobStore,
    due: DueStore,
    events: EventStore,
    tallies: Tallies,
    paces: CompletionTimeRecorder,
    schedules: ScheduleStore,
    slots: SlotStore,
    rows: RowStore,
    queue: JobQueue,
    dead_letters: JobQueue,
    targets: Targets,
    /// Ready queues as read for the previous batches.
    ready_queues: ReadyQueues,
    /// Concurrency limit for accounts without their own.
    max_running: Option<u32>,
    timing: Timing,
    clock: Clock,
    metrics: Metrics,
}

#[derive(Clone, Copy, Debug)]
struct Invocation<'a> {
    /// The Lambda request ID, for logs.
    request_id: &'a str,
    /// When Lambda stops the invocation.
    deadline: Time,
}

impl Worker {
    #[must_use]
    pub fn new(clients: Clients, config: WorkerConfig, clock: Clock, metrics: Metrics) -> Self {
        let table = Table::new(clients.dynamodb(), config.table);
        let tallies = Tallies::new(&table, &clock);
        let metrics = tallies.counters.count(metrics);
        // Event counts are not written to CloudWatch.
        let of_events = tallies.counters.count(Metrics::new(drop));
        Self {
            accounts: Arc::new(AccountStore::new(table.clone())),
            kinds: KindStore::new(table.clone()),
            jobs: JobStore::new(table.clone()),
            due: DueStore::new(table.clone()),
            events: EventStore::new(table.clone(), tallies.rates.clone(), of_events, clock.clone()),
            tallies,
            paces: CompletionTimeRecorder::new(table.clone(), clock.clone()),
            rows: RowStore::new(table.clone()),
            schedules: ScheduleStore::new(table.clone()),
            slots: SlotStore::new(table),
            queue: JobQueue::new(clients.sqs(), config.queue_url),
            dead_letters: JobQueue::new(clients.sqs(), config.dead_letter_queue_url),
            targets: Targets::new(config.allow_private_targets),
            ready_queues: ReadyQueues::default(),
            max_running: config.max_running,
            timing: config.timing,
            clock,
            metrics,
        }
    }

    /// Returns this worker with `way` as the client for its targets.
    #[must_use]
    pub fn with_client(self, way: Outbound) -> Self {
        Self { targets: Targets::with_client(way), ..self }
    }

    /// Opens the connection to DynamoDB, so that the first batch doesn't wait for it.
    pub async fn prime(&self) {
        warm_up(self.kinds.warm_up()).await;
    }

    /// Handles a batch and returns before `deadline`.
    pub async fn handle(&self, event: SqsEvent, request: &str, deadline: Time) -> SqsBatchResponse {
        let invocation = Invocation { request_id: request, deadline };
        let deliveries: Vec<_> = event
            .records
            .into_iter()
            .map(|record| ReceivedMessage::from_record(record, &self.dead_letters))
            .collect();
        self.preload(&deliveries).await;
        let errands = self.assign(&deliveries).await;
        let (mut settled, mut open) = (Vec::new(), Vec::new());
        for (delivery, errand) in deliveries.iter().zip(errands) {
            match errand {
                Some(Assignment { work: Work::Skip(report), .. }) => {
                    settled.push((delivery, report))
                }
                errand => open.push((delivery, errand)),
            }
        }
        // Messages that only need a delay don't wait for other messages' targets.
        let work = open.into_iter().map(async |(delivery, errand)| {
            let report = self.work(delivery, errand, invocation).await;
            (delivery, report)
        });
        let (unsent, worked) = tokio::join!(self.send_replacements(&settled), join_all(work));
        let kept: Vec<_> =
            settled.iter().chain(&worked).filter(|(_, report)| report.is_nack()).collect();
        let reports: Vec<_> = settled.iter().chain(&worked).map(|(_, report)| report).collect();
        let (unsent_too, (), ()) = tokio::join!(
            self.send_replacements(&worked),
            self.set_visibility(&kept),
            self.publish_metrics(&reports)
        );
        let kept = kept.into_iter().map(|(delivery, _)| *delivery);
        let failures = kept.chain(unsent).chain(unsent_too).map(|delivery| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier.clone_from(&delivery.message_id);
            failure
        });
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failures.collect();
        response
    }

    /// Loads the kinds and accounts of the batch into the stores' caches once, before its messages
    /// read them concurrently.
    async fn preload(&self, deliveries: &[ReceivedMessage]) {
        let now = self.clock.now();
        let jobs = || {
            deliveries.iter().filter_map(|delivery| match &delivery.message {
                Ok(Message::Job(job)) => Some(job),
                _ => None,
            })
        };
        let kinds: BTreeSet<_> = jobs().map(|job| &job.kind).collect();
        let accounts: BTreeSet<_> = jobs().map(|job| job.account).collect();
        tokio::join!(
            join_all(kinds.into_iter().map(|kind| self.kinds.cached(kind, now))),
            join_all(accounts.into_iter().map(|account| self.accounts.get_cached(account, now))),
        );
    }

    async fn work(
        &self,
        delivery: &ReceivedMessage,
        errand: Option<Assignment>,
        invocation: Invocation<'_>,
    ) -> Handled {
        match &delivery.message {
            // The sender runs a newer version: keep the message until a worker of that version is
            // deployed.
            Err(InvalidMessage::Version(_)) => {
                Handled::nack_until(self.clock.now() + NEWER_VERSION_DELAY)
            }
            Err(fault @ InvalidMessage::Malformed) => {
                tracing::warn!(
                    request.id = invocation.request_id, sqs.message = delivery.message_id, %fault,
                    "message dropped"
                );
                Handled::discard()
            }
            Ok(Message::Job(message)) => match errand {
                Some(errand) => {
                    self.attempt(JobContext { message, delivery, invocation }, errand).await
                }
                None => self.dead_letter(message, invocation).await,
            },
            Ok(Message::Ended(ended)) => self.handle_ended(ended, delivery, invocation).await,
            Ok(Message::Schedule(run)) => self.create_scheduled(run, delivery, invocation).await,
        }
    }

    /// Sends the replacement messages. Returns the deliveries whose replacement failed; these are
    /// redelivered when their visibility timeout ends.
    async fn send_replacements<'a>(
        &self,
        all: &[(&'a ReceivedMessage, Handled)],
    ) -> Vec<&'a ReceivedMessage> {
        let replaced = all
            .iter()
            .filter_map(|(delivery, report)| Some((*delivery, report.replacement()?.clone())));
        let (deliveries, outgoing): (Vec<_>, Vec<_>) = replaced.unzip();
        let sent = self.queue.send_all(&outgoing, self.clock.now()).await;
        deliveries
            .into_iter()
            .zip(sent)
            .filter(|(_, sent)| !sent)
            .map(|(delivery, _)| delivery)
            .collect()
    }

    /// Sets when messages are redelivered. If that fails, they return when their visibility timeout
    /// ends.
    async fn set_visibility(&self, kept: &[&(&ReceivedMessage, Handled)]) {
        let now = self.clock.now();
        let of = |dead: bool| -> Vec<_> {
            let wanted = kept.iter().filter(|(delivery, _)| delivery.is_dead_letter == dead);
            let hidden = wanted.filter_map(|(delivery, report)| {
                Some(VisibilityChange {
                    receipt: delivery.receipt.clone(),
                    hidden_for: report.visibility_timeout(now)?,
                })
            });
            hidden.collect()
        };
        let (queue, dead_letters) = (of(false), of(true));
        let answers = tokio::join!(
            self.queue.set_visibility(&queue),
            self.dead_letters.set_visibility(&dead_letters)
        );
        for error in [answers.0.err(), answers.1.err()].into_iter().flatten() {
            tracing::warn!(cause = %error, "setting visibility timeouts failed");
        }
    }
}
