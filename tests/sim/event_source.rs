//! The mapping between a queue and a function.

use crate::{
    aws::{Aws, Service, arn_of},
    lineage,
    queue::Queues,
    seed::Seed,
};
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeSet,
    fmt::Display,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

/// How long the poller waits after a poll that went wrong.
const POLL_PAUSE: Duration = Duration::from_secs(1);

/// Lambda's end of a queue: it polls, invokes the function, deletes what the function didn't
/// report as failed, and leaves the rest where it is, hidden for as long as the function said.
///
/// Its own polls and deletions pass the same faults and go into the same ledger as any other call,
/// and aren't retried: a lost deletion is how a redelivery comes about.
#[derive(Clone, Debug)]
pub struct EventSource {
    aws: Aws,
    queue: &'static str,
    batch_size: usize,
    drawn: Option<Arc<Draws>>,
    function_timeout: Duration,
}

/// Of how many messages batches are.
#[derive(Debug)]
struct Draws {
    seed: Seed,
    polls: AtomicU64,
}

/// What came of one poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// There was nothing to be had, or the poll itself failed.
    Nothing,
    /// The function answered.
    Handled {
        /// Messages that are gone.
        deleted: usize,
        /// Messages that were reported as failed, or whose deletion failed.
        kept: usize,
    },
    /// Lambda refused to invoke the function, as a part of a loop, and the messages are gone.
    Dropped {
        /// Messages in the batch.
        messages: usize,
    },
    /// The function didn't answer, or not sensibly: every message comes again.
    Failed {
        /// Messages in the batch.
        kept: usize,
        /// What went wrong.
        reason: String,
    },
}

/// What came of polling for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Every poll that found something.
    pub deliveries: Vec<Delivery>,
    /// Whether the queue was empty at the end; else time ran out.
    pub emptied: bool,
}

impl EventSource {
    /// A mapping that hands over up to `batch_size` messages (ten at most) at once.
    pub fn new(aws: &Aws, queue: &'static str, batch_size: usize) -> Self {
        assert!((1..=10).contains(&batch_size), "one poll brings 1 to 10 messages");
        let function_timeout = Duration::from_secs(900);
        Self { aws: aws.clone(), queue, batch_size, drawn: None, function_timeout }
    }

    /// The same, whose batches are as small as Lambda's pollers make them at low traffic: mostly of
    /// one to three messages, by `seed`, and at times as many as there are.
    pub fn with_small_batches(self, seed: Seed) -> Self {
        Self { drawn: Some(Arc::new(Draws { seed, polls: AtomicU64::default() })), ..self }
    }

    /// The same, for a function that is dropped after `function_timeout`.
    pub fn function_timeout(self, function_timeout: Duration) -> Self {
        Self { function_timeout, ..self }
    }

    /// Polls once, and hands what there is to `handler`. One that may die part-way wraps itself in
    /// [`run_until_killed`](crate::run_until_killed) and returns [`Killed`](crate::Killed).
    pub async fn deliver_once<E: Display>(
        &self,
        handler: impl AsyncFn(SqsEvent) -> Result<SqsBatchResponse, E>,
    ) -> Delivery {
        let batch = self.poll().await;
        if batch.is_empty() {
            return Delivery::Nothing;
        }
        let hops = batch.iter().map(hops_of).max().unwrap_or_default();
        if self.is_ended(hops) {
            return Delivery::Dropped {
                messages: self.delete_all_but(&BTreeSet::new(), &batch).await,
            };
        }
        let mut event = SqsEvent::default();
        event.records = batch.clone();
        // Boxed: a worker's future is larger than a test's stack allows for.
        let invocation = lineage::invoke(hops, Box::pin(handler(event)));
        let failures = match timeout(self.function_timeout, invocation).await {
            Ok(Ok(response)) => failures_among(&batch, response),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("timed out".to_owned()),
        };
        match failures {
            Ok(failed) => {
                let deleted = self.delete_all_but(&failed, &batch).await;
                Delivery::Handled { deleted, kept: batch.len() - deleted }
            }
            Err(reason) => Delivery::Failed { kept: batch.len(), reason },
        }
    }

    /// Delivers, and lets time pass until there is more to deliver, until the queue is empty (with
    /// nothing hidden or delayed either, and no schedule that will send more) or `patience` is at
    /// its end. A schedule that recurs has always more to send: then it is `patience` that passes.
    pub async fn run_until_idle<E: Display>(
        &self,
        patience: Duration,
        handler: impl AsyncFn(SqsEvent) -> Result<SqsBatchResponse, E>,
    ) -> Run {
        let deadline = Instant::now() + patience;
        let mut run = Run::default();
        while Instant::now() < deadline {
            self.aws.fire_due_schedules();
            let changed = self.queues().changed();
            let visible_at = self.queues().next_visible_at(self.queue);
            let due_at = self.aws.door().scheduler.next_due_at(self.queue);
            let Some(next) = visible_at.into_iter().chain(due_at).min() else { break };
            if next > Instant::now() {
                // Another poller may take what this one waits for, or a sender bring more.
                let _ = timeout_at(next.min(deadline), changed).await;
                continue;
            }
            match self.deliver_once(&handler).await {
                Delivery::Nothing => sleep_until(deadline.min(Instant::now() + POLL_PAUSE)).await,
                delivery => run.deliveries.push(delivery),
            }
        }
        run.emptied = self.queues().next_visible_at(self.queue).is_none();
        run
    }

    async fn poll(&self) -> Vec<SqsMessage> {
        let request = json!({
            "QueueUrl": self.aws.queue_url(self.queue),
            "MaxNumberOfMessages": self.next_size(),
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        let answer = self.call("ReceiveMessage", request).await;
        let messages = answer.as_ref().and_then(|body| body["Messages"].as_array());
        messages.into_iter().flatten().map(|message| self.record(message)).collect()
    }

    /// Of how many messages the next batch is at most.
    fn next_size(&self) -> usize {
        let Some(drawn) = &self.drawn else { return self.batch_size };
        let poll = drawn.polls.fetch_add(1, Ordering::Relaxed);
        let draw = drawn.seed.draw(self.queue, poll);
        let size = if draw.is_multiple_of(8) { self.batch_size as u64 } else { 1 + draw / 8 % 3 };
        usize::try_from(size).unwrap().min(self.batch_size)
    }

    /// Whether Lambda takes a message with so many hops for a part of a loop.
    fn is_ended(&self, hops: u32) -> bool {
        let loops = &self.aws.door().loops;
        let template_counts = !loops.are_ended.load(Ordering::Relaxed);
        let is_ended = lineage::is_refused(self.queue, hops, template_counts);
        loops.refused.fetch_add(u64::from(is_ended), Ordering::Relaxed);
        is_ended
    }

    /// How many were deleted.
    async fn delete_all_but(&self, failed: &BTreeSet<String>, batch: &[SqsMessage]) -> usize {
        let entries: Vec<_> = batch
            .iter()
            .filter(|message| !failed.contains(id_of(message)))
            .map(|message| json!({"Id": id_of(message), "ReceiptHandle": message.receipt_handle}))
            .collect();
        if entries.is_empty() {
            return 0;
        }
        let request = json!({"QueueUrl": self.aws.queue_url(self.queue), "Entries": entries});
        let answer = self.call("DeleteMessageBatch", request).await;
        answer.and_then(|body| body["Successful"].as_array().map(Vec::len)).unwrap_or(0)
    }

    /// None if the call failed, or its answer was lost.
    async fn call(&self, operation: &str, request: Value) -> Option<Value> {
        let answer = self.aws.door().call(Service::Sqs, operation, request).await.ok()?;
        answer.is_ok().then_some(answer.body)
    }

    /// A message as Lambda hands it over: by way of the JSON that a function really reads.
    fn record(&self, message: &Value) -> SqsMessage {
        let record = json!({
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": lambda_attributes(&message["MessageAttributes"]),
            "eventSource": "aws:sqs",
            "eventSourceARN": arn_of(self.queue),
            "awsRegion": "eu-west-1",
        });
        serde_json::from_value(record).unwrap()
    }

    fn queues(&self) -> &Queues {
        &self.aws.door().queues
    }
}

/// The messages that a function reported. If it names one that it wasn't given, Lambda takes the
/// whole batch for failed.
fn failures_among(
    batch: &[SqsMessage],
    response: SqsBatchResponse,
) -> Result<BTreeSet<String>, String> {
    let given: BTreeSet<_> = batch.iter().map(id_of).collect();
    let failed: BTreeSet<_> =
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    match failed.iter().find(|id| !given.contains(id.as_str())) {
        Some(stranger) => Err(format!("reported {stranger:?}, which was not in the batch")),
        None => Ok(failed),
    }
}

fn hops_of(message: &SqsMessage) -> u32 {
    lineage::hops(message.attributes.get(lineage::HEADER).map(String::as_str))
}

fn id_of(message: &SqsMessage) -> &str {
    message.message_id.as_deref().unwrap_or_default()
}

/// Lambda spells the same fields with a small first letter.
fn lambda_attributes(attributes: &Value) -> Map<String, Value> {
    let rename = |attribute: &Value| {
        json!({
            "dataType": attribute["DataType"],
            "stringValue": attribute["StringValue"],
            "binaryValue": attribute["BinaryValue"],
        })
    };
    attributes
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), rename(value)))
        .collect()
}

#[cfg(test)]
mod tests;
