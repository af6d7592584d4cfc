//! Attempts: takes jobs from the queue to their targets and records what came of it. Also drains the dead-letter queue.
//!
//! A batch's records are worked on side by side and answered each for itself: what is done is deleted by Lambda. A job that
//! waits is sent as a new message with a delay. Where an outage kept the worker from a message, that very one is reported as failed and comes
//! back; when, is set through its visibility, for the whole batch in one call.

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

/// When a message of a newer version is looked at again.
const NEWER: Duration = Duration::from_secs(60);

/// What an invocation needs.
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
    /// What the last batches came upon.
    agendas: Agendas,
    /// How many jobs of an account run at once where it says nothing itself.
    max_running: Option<u32>,
    timing: Timing,
    clock: Clock,
    metrics: Metrics,
}

/// One invocation.
#[derive(Clone, Copy, Debug)]
struct Invocation<'a> {
    /// Under which operators find it.
    request: &'a str,
    /// When Lambda ends it.
    deadline: Time,
}

impl Worker {
    /// Over these clients.
    #[must_use]
    pub fn new(clients: Clients, config: WorkerConfig, clock: Clock, metrics: Metrics) -> Self {
        let table = Table::new(clients.dynamodb, config.table);
        let tallies = Tallies::new(&table, &clock);
        let metrics = tallies.counters.count(metrics);
        // Events make no lines for CloudWatch.
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

    /// The same, which reaches its targets by another way.
    #[must_use]
    pub fn by_way_of(self, way: Outbound) -> Self {
        Self { targets: Targets::by_way_of(way), ..self }
    }

    /// Opens the connection that the first batch would otherwise wait for.
    pub async fn prime(&self) {
        prime(self.kinds.touch()).await;
    }

    /// Works on a batch, until `deadline` at most.
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
        // What only has to wait doesn't wait for its neighbours' targets.
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

    /// Reads what the batch has in common once, into the stores' caches, before its records ask for it side by side.
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
            // A newer sender's: for a worker of its version, once that is deployed.
            Err(NotAMessage::Version(_)) => Report::back_at(self.clock.now() + NEWER),
            Err(fault @ NotAMessage::Malformed) => {
                tracing::warn!(request.id = invocation.request, sqs.message = delivery.message_id, %fault, "message dropped");
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

    /// Sends what takes the place of messages; those for which that failed come back when their visibility ends.
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

    /// Says when messages come back. If that can't be said, they do when their visibility ends.
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
            tracing::warn!(cause = %error, "messages come back later than they should");
        }
    }
}
