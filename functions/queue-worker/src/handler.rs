//! Handles a batch: decodes its messages, preloads what they share, assigns work to them, works,
//! and reports the messages to redeliver.

use std::{collections::BTreeSet, time::Duration};

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use futures::future::join_all;
use model::{
    job::{InvalidMessage, Message},
    time::Time,
};
use store::VisibilityChange;

use crate::{
    Worker,
    assignment::{Assignment, Work, assign},
    attempt::attempt,
    context::{Invocation, JobContext},
    dead_letter::dead_letter,
    disposition::Handled,
    ended::handle_ended,
    message::ReceivedMessage,
    metrics,
    scheduled::create_scheduled,
};

/// Redelivery delay of a message written by a newer version.
const NEWER_VERSION_DELAY: Duration = Duration::from_secs(60);

type HandledDelivery<'a> = (&'a ReceivedMessage, Handled);
type PendingDelivery<'a> = (&'a ReceivedMessage, Option<Assignment>);

impl Worker {
    /// Handles a batch and returns before `deadline`.
    pub async fn handle(
        &self,
        event: SqsEvent,
        request_id: &str,
        deadline: Time,
    ) -> SqsBatchResponse {
        let invocation = Invocation { request_id, deadline };
        let deliveries: Vec<_> = event
            .records
            .into_iter()
            .map(|record| ReceivedMessage::from_record(record, &self.dead_letters))
            .collect();
        self.preload(&deliveries).await;
        let assignments = assign(self, &deliveries).await;
        let (skipped, pending) = split_skipped(&deliveries, assignments);
        // Messages that only need a delay don't wait for other messages' targets.
        let work = pending.into_iter().map(async |(delivery, assignment)| {
            let handled = self.work(delivery, assignment, invocation).await;
            (delivery, handled)
        });
        let (unsent, worked) = tokio::join!(self.send_replacements(&skipped), join_all(work));
        self.report(&skipped, &worked, unsent).await
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
        assignment: Option<Assignment>,
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
            Ok(Message::Job(message)) => match assignment {
                Some(assignment) => {
                    attempt(self, JobContext { message, delivery, invocation }, assignment).await
                }
                None => dead_letter(self, message, invocation).await,
            },
            Ok(Message::Ended(ended)) => handle_ended(self, ended, delivery, invocation).await,
            Ok(Message::Schedule(run)) => create_scheduled(self, run, delivery, invocation).await,
        }
    }

    /// Sends replacements, sets visibility timeouts and publishes metrics. Returns the messages to
    /// redeliver: `unsent`, those without a replacement, and those that were not handled.
    async fn report<'a>(
        &self,
        skipped: &[HandledDelivery<'a>],
        worked: &[HandledDelivery<'a>],
        unsent: Vec<&'a ReceivedMessage>,
    ) -> SqsBatchResponse {
        let all = || skipped.iter().chain(worked);
        let nacked: Vec<_> = all().filter(|(_, handled)| handled.is_nack()).collect();
        let discarded = all().filter(|(_, handled)| handled.is_discarded()).count();
        let attempts: Vec<_> = all().filter_map(|(_, handled)| handled.metrics()).collect();
        let (unsent_after_work, (), ()) = tokio::join!(
            self.send_replacements(worked),
            self.set_visibility(&nacked),
            metrics::publish(self, discarded, &attempts)
        );
        let nacked = nacked.into_iter().map(|(delivery, _)| *delivery);
        let failures = nacked.chain(unsent).chain(unsent_after_work).map(|delivery| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier.clone_from(&delivery.message_id);
            failure
        });
        let mut response = SqsBatchResponse::default();
        response.batch_item_failures = failures.collect();
        response
    }

    /// Sends the replacement messages. Returns the deliveries whose replacement failed; these are
    /// redelivered when their visibility timeout ends.
    async fn send_replacements<'a>(&self, all: &[HandledDelivery<'a>]) -> Vec<&'a ReceivedMessage> {
        let replaced = all
            .iter()
            .filter_map(|(delivery, handled)| Some((*delivery, handled.replacement()?.clone())));
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
    async fn set_visibility(&self, nacked: &[&HandledDelivery<'_>]) {
        let now = self.clock.now();
        let changes = |dead_letters: bool| -> Vec<_> {
            let of_queue =
                nacked.iter().filter(|(delivery, _)| delivery.is_dead_letter == dead_letters);
            let hidden = of_queue.filter_map(|(delivery, handled)| {
                Some(VisibilityChange {
                    receipt: delivery.receipt.clone(),
                    hidden_for: handled.visibility_timeout(now)?,
                })
            });
            hidden.collect()
        };
        let (queue, dead_letters) = (changes(false), changes(true));
        let results = tokio::join!(
            self.queue.set_visibility(&queue),
            self.dead_letters.set_visibility(&dead_letters)
        );
        for error in [results.0.err(), results.1.err()].into_iter().flatten() {
            tracing::warn!(cause = %error, "setting visibility timeouts failed");
        }
    }
}

/// Separates the deliveries that are handled without work from those with work to do.
fn split_skipped(
    deliveries: &[ReceivedMessage],
    assignments: Vec<Option<Assignment>>,
) -> (Vec<HandledDelivery<'_>>, Vec<PendingDelivery<'_>>) {
    let (mut skipped, mut pending) = (Vec::new(), Vec::new());
    for (delivery, assignment) in deliveries.iter().zip(assignments) {
        match assignment {
            Some(Assignment { work: Work::Skip(handled), .. }) => skipped.push((delivery, handled)),
            assignment => pending.push((delivery, assignment)),
        }
    }
    (skipped, pending)
}
