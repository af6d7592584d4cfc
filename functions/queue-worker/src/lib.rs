//! Runs job attempts: receives messages from the jobs queue, calls each job's target and records
//! the outcome. Also drains the dead-letter queue.
//!
//! The messages of a batch are handled concurrently and reported individually. Lambda deletes the
//! messages that succeed. A job that has to wait is sent as a new message with a delay. A message
//! that an outage kept from being handled is reported as a batch item failure and redelivered. One
//! `ChangeMessageVisibilityBatch` call per batch sets the times of redelivery.

mod agenda;
mod attempt;
mod bury;
mod callback;
mod crowd;
mod errand;
mod event;
mod record;
mod report;
mod scheduled;
mod settle;
mod target;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use futures::future::join_all;
use shared::{
    aws::{
        AccountStore, Clients, DueStore, EventStore, JobQueue, JobStore, KindStore, Paces,
        RowStore, ScheduleStore, SlotStore, Table, Tallies, Visibility, prime,
    },
    clock::Clock,
    config::WorkerConfig,
    job::{Message, NotAMessage, Timing},
    outbound::Outbound,
    telemetry::Metrics,
    time::Time,
};

use agenda::Agendas;
use attempt::Task;
use errand::{Errand, What};
use record::Delivery;
use report::Report;
use target::Targets;

/// Redelivery delay of a message written by a newer version.
const NEWER: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Worker {
    accounts: Arc<AccountStore>,
    kinds: KindStore,
    jobs: JobStore,
    due: DueStore,
    events: EventStore,
    tallies: Tallies,
    paces: Paces,
    schedules: ScheduleStore,
    slots: SlotStore,
    rows: RowStore,
    queue: JobQueue,
    dead_letters: JobQueue,
    targets: Targets,
    /// Ready queues as read for the previous batches.
    agendas: Agendas,
    /// Concurrency limit for accounts without their own.
    max_running: Option<u32>,
    timing: Timing,
    clock: Clock,
    metrics: Metrics,
}

#[derive(Clone, Copy, Debug)]
struct Invocation<'a> {
    /// The Lambda request ID, for logs.
    request: &'a str,
    /// When Lambda stops the invocation.
    deadline: Time,
}

impl Worker {
    #[must_use]
    pub fn new(clients: Clients, config: WorkerConfig, clock: Clock, metrics: Metrics) -> Self {
        let table = Table::new(clients.dynamodb, config.table);
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
            paces: Paces::new(table.clone(), clock.clone()),
            rows: RowStore::new(table.clone()),
            schedules: ScheduleStore::new(table.clone()),
            slots: SlotStore::new(table),
            queue: JobQueue::new(clients.sqs.clone(), config.queue_url),
            dead_letters: JobQueue::new(clients.sqs, config.dead_letter_queue_url),
            targets: Targets::new(config.allow_private_targets),
            agendas: Agendas::default(),
            max_running: config.max_running,
            timing: config.timing,
            clock,
            metrics,
        }
    }

    /// Returns this worker with `way` as the client for its targets.
    #[must_use]
    pub fn by_way_of(self, way: Outbound) -> Self {
        Self { targets: Targets::by_way_of(way), ..self }
    }

    /// Opens the connection to DynamoDB, so that the first batch doesn't wait for it.
    pub async fn prime(&self) {
        prime(self.kinds.touch()).await;
    }

    /// Handles a batch and returns before `deadline`.
    pub async fn handle(&self, event: SqsEvent, request: &str, deadline: Time) -> SqsBatchResponse {
        let invocation = Invocation { request, deadline };
        let deliveries: Vec<_> = event
            .records
            .into_iter()
            .map(|record| Delivery::of(record, &self.dead_letters))
            .collect();
        self.look_up(&deliveries).await;
        let errands = self.errands(&deliveries).await;
        let (mut settled, mut open) = (Vec::new(), Vec::new());
        for (delivery, errand) in deliveries.iter().zip(errands) {
            match errand {
                Some(Errand { what: What::Nothing(report), .. }) => {
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
        let (unsent, worked) = tokio::join!(self.send(&settled), join_all(work));
        let kept: Vec<_> =
            settled.iter().chain(&worked).filter(|(_, report)| report.comes_back()).collect();
        let reports: Vec<_> = settled.iter().chain(&worked).map(|(_, report)| report).collect();
        let (unsent_too, (), ()) =
            tokio::join!(self.send(&worked), self.hide(&kept), self.tell(&reports));
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
    async fn look_up(&self, deliveries: &[Delivery]) {
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
            join_all(accounts.into_iter().map(|account| self.accounts.account(account, now))),
        );
    }

    async fn work(
        &self,
        delivery: &Delivery,
        errand: Option<Errand>,
        invocation: Invocation<'_>,
    ) -> Report {
        match &delivery.message {
            // The sender runs a newer version: keep the message until a worker of that version is
            // deployed.
            Err(NotAMessage::Version(_)) => Report::back_at(self.clock.now() + NEWER),
            Err(fault @ NotAMessage::Malformed) => {
                tracing::warn!(
                    request.id = invocation.request, sqs.message = delivery.message_id, %fault,
                    "message dropped"
                );
                Report::dropped()
            }
            Ok(Message::Job(message)) => match errand {
                Some(errand) => self.attempt(Task { message, delivery, invocation }, errand).await,
                None => self.bury(message, invocation).await,
            },
            Ok(Message::Ended(ended)) => self.follow_end(ended, delivery, invocation).await,
            Ok(Message::Schedule(run)) => self.occur(run, delivery, invocation).await,
        }
    }

    /// Sends the replacement messages. Returns the deliveries whose replacement failed; these are
    /// redelivered when their visibility timeout ends.
    async fn send<'a>(&self, all: &[(&'a Delivery, Report)]) -> Vec<&'a Delivery> {
        let replaced = all
            .iter()
            .filter_map(|(delivery, report)| Some((*delivery, report.outgoing()?.clone())));
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
    async fn hide(&self, kept: &[&(&Delivery, Report)]) {
        let now = self.clock.now();
        let of = |dead: bool| -> Vec<_> {
            let wanted = kept.iter().filter(|(delivery, _)| delivery.dead == dead);
            let hidden = wanted.filter_map(|(delivery, report)| {
                Some(Visibility {
                    receipt: delivery.receipt.clone(),
                    hidden_for: report.back_after(now)?,
                })
            });
            hidden.collect()
        };
        let (queue, dead_letters) = (of(false), of(true));
        let answers = tokio::join!(self.queue.hide(&queue), self.dead_letters.hide(&dead_letters));
        for error in [answers.0.err(), answers.1.err()].into_iter().flatten() {
            tracing::warn!(cause = %error, "setting visibility timeouts failed");
        }
    }
}
