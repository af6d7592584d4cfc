//! The event source mapping from a queue to a function.

use crate::{
    aws::{Aws, Service, arn_of},
    loop_detection,
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

/// Pause after a failed poll.
const POLL_PAUSE: Duration = Duration::from_secs(1);

/// Lambda's poller of a queue. It polls, invokes the function, and deletes the messages that the
/// function doesn't report as failed. The others stay hidden until their visibility timeout ends.
///
/// Its polls and deletions are subject to faults and recorded in the ledger like any other call.
/// They aren't retried, so a lost deletion causes a redelivery.
#[derive(Clone, Debug)]
pub struct EventSource {
    aws: Aws,
    queue: &'static str,
    batch_size: usize,
    random_sizes: Option<Arc<RandomBatchSizes>>,
    function_timeout: Duration,
}

/// Random batch sizes.
#[derive(Debug)]
struct RandomBatchSizes {
    seed: Seed,
    polls: AtomicU64,
}

/// Result of one poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// No message was available, or the poll failed.
    Nothing,
    /// The function returned a response.
    Handled {
        /// Deleted messages.
        deleted: usize,
        /// Messages reported as failed, or whose deletion failed.
        kept: usize,
    },
    /// Recursive loop detection refused the invocation; the messages are lost.
    Dropped {
        /// Messages in the batch.
        messages: usize,
    },
    /// The function failed or returned an invalid response: the whole batch is redelivered.
    Failed {
        /// Messages in the batch.
        kept: usize,
        reason: String,
    },
}

/// Result of polling for some time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    /// Every poll that received messages.
    pub deliveries: Vec<Delivery>,
    /// Whether the queue was empty at the end; otherwise the time ran out.
    pub emptied: bool,
}

impl EventSource {
    /// A mapping with up to `batch_size` messages per invocation, at most ten.
    pub fn new(aws: &Aws, queue: &'static str, batch_size: usize) -> Self {
        assert!((1..=10).contains(&batch_size), "batch size must be 1 to 10");
        let function_timeout = Duration::from_secs(900);
        Self { aws: aws.clone(), queue, batch_size, random_sizes: None, function_timeout }
    }

    /// Draws batch sizes as Lambda's pollers produce them at low traffic: mostly one to three
    /// messages, now and then a full batch.
    pub fn with_small_batches(self, seed: Seed) -> Self {
        Self {
            random_sizes: Some(Arc::new(RandomBatchSizes { seed, polls: AtomicU64::default() })),
            ..self
        }
    }

    /// Sets the function's timeout.
    pub fn function_timeout(self, function_timeout: Duration) -> Self {
        Self { function_timeout, ..self }
    }

    /// Polls once and passes the batch to `handler`. A handler that may be killed wraps itself in
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
        if self.is_dropped_as_loop(hops) {
            return Delivery::Dropped {
                messages: self.delete_all_but(&BTreeSet::new(), &batch).await,
            };
        }
        let mut event = SqsEvent::default();
        event.records = batch.clone();
        // Boxed: a worker's future is too large for a test's stack.
        let invocation = loop_detection::invoke(hops, Box::pin(handler(event)));
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

    /// Delivers batches, advancing time in between, until the queue is empty or `patience` ends. An
    /// empty queue has no hidden or delayed messages, and no schedule that will send more.
    /// Recurring schedules always send more, so `patience` then bounds the run.
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
                // Another poller may take the next message, or a sender may add one.
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

    /// Maximum number of messages of the next batch.
    fn next_size(&self) -> usize {
        let Some(drawn) = &self.random_sizes else { return self.batch_size };
        let poll = drawn.polls.fetch_add(1, Ordering::Relaxed);
        let draw = drawn.seed.draw(self.queue, poll);
        let size = if draw.is_multiple_of(8) { self.batch_size as u64 } else { 1 + draw / 8 % 3 };
        usize::try_from(size).unwrap().min(self.batch_size)
    }

    /// Whether recursive loop detection refuses a message with so many hops.
    fn is_dropped_as_loop(&self, hops: u32) -> bool {
        let loops = &self.aws.door().loops;
        let template_counts = !loops.enforced.load(Ordering::Relaxed);
        let is_ended = loop_detection::is_refused(self.queue, hops, template_counts);
        loops.refused.fetch_add(u64::from(is_ended), Ordering::Relaxed);
        is_ended
    }

    /// Returns the number of deleted messages.
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

    /// `None` if the call failed or its response was lost.
    async fn call(&self, operation: &str, request: Value) -> Option<Value> {
        let answer = self.aws.door().call(Service::Sqs, operation, request).await.ok()?;
        answer.is_ok().then_some(answer.body)
    }

    /// A message as Lambda delivers it, parsed from the same JSON that a function reads.
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

/// The messages that a function reported as failed. If it reports one outside the batch, Lambda
/// treats the whole batch as failed.
fn failures_among(
    batch: &[SqsMessage],
    response: SqsBatchResponse,
) -> Result<BTreeSet<String>, String> {
    let given: BTreeSet<_> = batch.iter().map(id_of).collect();
    let failed: BTreeSet<_> =
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
    match failed.iter().find(|id| !given.contains(id.as_str())) {
        Some(stranger) => Err(format!("reported {stranger:?}, which is not in the batch")),
        None => Ok(failed),
    }
}

fn hops_of(message: &SqsMessage) -> u32 {
    loop_detection::hops(message.attributes.get(loop_detection::HEADER).map(String::as_str))
}

fn id_of(message: &SqsMessage) -> &str {
    message.message_id.as_deref().unwrap_or_default()
}

/// Lambda's names of the same fields start with a lower-case letter.
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
