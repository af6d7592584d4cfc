//! Attempts: takes jobs from the queue to their targets and records what came of it. Also drains the dead-letter queue.
//!
//! A batch's records are worked on side by side and answered each for itself: what is done is deleted by Lambda, what has to come back
//! is reported as failed, and when it comes back is set through its visibility, for the whole batch in one call.

mod attempt;
mod bury;
mod record;
mod report;
mod settle;
mod target;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use futures::future::join_all;
use shared::{
    aws::{AccountStore, Clients, JobQueue, JobStore, KindStore, PaceStore, Table, Visibility, prime},
    clock::Clock,
    config::WorkerConfig,
    job::{NotAMessage, Timing},
    kind::Target,
    telemetry::Metrics,
    time::Time,
};

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
    paces: PaceStore,
    queue: JobQueue,
    dead_letters: JobQueue,
    targets: Targets,
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
        Self {
            accounts: Arc::new(AccountStore::new(table.clone())),
            kinds: KindStore::new(table.clone()),
            jobs: JobStore::new(table.clone()),
            paces: PaceStore::new(table),
            queue: JobQueue::new(clients.sqs.clone(), config.queue_url),
            dead_letters: JobQueue::new(clients.sqs, config.dead_letter_queue_url),
            targets: Targets::new(config.allow_private_targets),
            timing: config.timing,
            clock,
            metrics,
        }
    }

    /// Opens the connection that the first batch would otherwise wait for.
    pub async fn prime(&self) {
        prime(self.kinds.touch()).await;
    }

    /// Works on a batch, until `deadline` at most.
    pub async fn handle(&self, event: SqsEvent, request: &str, deadline: Time) -> SqsBatchResponse {
        let invocation = Invocation { request, deadline };
        let deliveries: Vec<_> =
            event.records.into_iter().map(|record| Delivery::of(record, &self.dead_letters)).collect();
        self.look_up(&deliveries).await;
        let reports = join_all(deliveries.iter().map(|delivery| self.work(delivery, invocation))).await;
        let kept: Vec<_> =
            deliveries.iter().zip(&reports).filter(|(_, report)| report.comes_back()).collect();
        tokio::join!(self.hide(&kept), self.tell(&reports));
        let failures = kept.iter().map(|(delivery, _)| {
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
        let messages = || deliveries.iter().filter_map(|delivery| delivery.message.as_ref().ok());
        let kinds: BTreeSet<_> = messages().map(|message| &message.kind).collect();
        let kinds = join_all(kinds.into_iter().map(|kind| self.kinds.cached(kind, now))).await;
        let signed: BTreeSet<_> = kinds
            .iter()
            .filter_map(|kind| kind.as_ref().ok()?.as_ref())
            .filter(|kind| matches!(kind.kind.spec.target, Target::Http { .. }))
            .map(|kind| &kind.kind.name)
            .collect();
        let accounts =
            messages().filter(|message| signed.contains(&message.kind)).map(|message| message.account);
        let accounts: BTreeSet<_> = accounts.collect();
        join_all(accounts.into_iter().map(|account| self.accounts.account(account, now))).await;
    }

    async fn work(&self, delivery: &Delivery, invocation: Invocation<'_>) -> Report {
        match &delivery.message {
            // A newer sender's: for a worker of its version, once that is deployed.
            Err(NotAMessage::Version(_)) => Report::back_at(self.clock.now() + NEWER),
            Err(fault @ NotAMessage::Malformed) => {
                tracing::warn!(request.id = invocation.request, sqs.message = delivery.message_id, %fault, "message dropped");
                Report::dropped()
            }
            Ok(message) if delivery.dead => self.bury(message, invocation).await,
            Ok(message) => self.attempt(message, delivery, invocation).await,
        }
    }

    /// Says when messages come back. If that can't be said, they do when their visibility ends.
    async fn hide(&self, kept: &[(&Delivery, &Report)]) {
        let now = self.clock.now();
        let of = |dead: bool| -> Vec<_> {
            let wanted = kept.iter().filter(|(delivery, _)| delivery.dead == dead);
            let hidden = wanted.filter_map(|(delivery, report)| {
                Some(Visibility { receipt: delivery.receipt.clone(), hidden_for: report.back_after(now)? })
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
