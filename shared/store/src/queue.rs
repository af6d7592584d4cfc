use std::{collections::HashMap, time::Duration};

use aws_sdk_sqs::{
    Client,
    types::{
        ChangeMessageVisibilityBatchRequestEntry, MessageAttributeValue, QueueAttributeName,
        SendMessageBatchRequestEntry,
    },
};
use futures::future::join_all;

use super::Error;
use model::{
    event::WRITE_FINAL_AFTER,
    job::{Ended, EndedBy, Job, JobMessage, Message},
    time::Time,
};
use runtime::telemetry::Traceparent;

/// Longest visibility timeout that Tollgate sets. SQS allows 12 hours from receipt.
const MAX_VISIBILITY: Duration = Duration::from_secs(11 * 3600);
/// Messages per batch call.
const BATCH: usize = 10;

/// The job queue or its dead-letter queue.
#[derive(Clone, Debug)]
pub struct JobQueue {
    client: Client,
    url: String,
}

/// New visibility timeout of a received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisibilityChange {
    /// Receipt handle.
    pub receipt: String,
    /// Timeout from now, in whole seconds, at most 11 hours.
    pub hidden_for: Duration,
}

/// A message to send.
#[derive(Clone, Debug)]
pub struct OutgoingMessage {
    message: Message,
    arrives: DeliveryTime,
    trace: Option<Traceparent>,
}

#[derive(Clone, Copy, Debug)]
enum DeliveryTime {
    After(Duration),
    At(Time),
}

impl OutgoingMessage {
    /// Longest delay of a message
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html>).
    pub const MAX_DELAY: Duration = Duration::from_secs(15 * 60);

    /// A message without delay.
    #[must_use]
    pub const fn immediate(message: Message, trace: Option<Traceparent>) -> Self {
        Self { message, arrives: DeliveryTime::After(Duration::ZERO), trace }
    }

    /// A message that announces an imminent write. The delay covers the usual duration of that
    /// write.
    const fn after_pending_write(message: Message, trace: Option<Traceparent>) -> Self {
        Self { message, arrives: DeliveryTime::After(Duration::from_secs(2)), trace }
    }

    /// A follow-up message for an event that is about to be published. It arrives when the outcome
    /// of that write is certain.
    #[must_use]
    pub const fn after_known_outcome(message: Message) -> Self {
        let pause = Duration::from_secs(WRITE_FINAL_AFTER.as_secs() + 1);
        Self { message, arrives: DeliveryTime::After(pause), trace: None }
    }

    /// A safety message for a job, in case the sender's write to requeue it succeeds but the sender
    /// dies before it sends the regular message. It arrives when that write has either happened or
    /// never will, including calls whose response was lost.
    #[must_use]
    pub const fn safety_net(job: JobMessage, trace: Option<Traceparent>) -> Self {
        Self {
            message: Message::Job(job),
            arrives: DeliveryTime::After(Duration::from_secs(30)),
            trace,
        }
    }

    /// A job message that becomes effective at `due`. If that exceeds the SQS delay limit, the
    /// message arrives earlier and is sent again for the remaining time.
    #[must_use]
    pub const fn due_at(job: JobMessage, due: Time, trace: Option<Traceparent>) -> Self {
        Self { message: Message::Job(job), arrives: DeliveryTime::At(due), trace }
    }

    /// The body, and the delay in seconds, of a message sent at `now`.
    fn sent_at(&self, now: Time) -> (String, i32) {
        let (due, pause) = match self.arrives {
            DeliveryTime::After(pause) => (None, pause),
            DeliveryTime::At(due) => (Some(due), due.since(now)),
        };
        // Round up: a message must not arrive early.
        let whole = Duration::from_secs(pause.as_secs() + u64::from(pause.subsec_nanos() > 0));
        let text = match &self.message {
            Message::Job(job) => {
                let due = due.filter(|_| whole > Self::MAX_DELAY);
                Message::Job(JobMessage { due, ..job.clone() }).encode()
            }
            message => message.encode(),
        };
        (text, i32::try_from(whole.min(Self::MAX_DELAY).as_secs()).unwrap_or(0))
    }

    fn attributes(&self) -> Result<Option<HashMap<String, MessageAttributeValue>>, Error> {
        let Some(trace) = &self.trace else { return Ok(None) };
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(trace.as_str())
            .build();
        let value = value.map_err(|e| Error::Refused(e.to_string()))?;
        Ok(Some(HashMap::from([("traceparent".to_owned(), value)])))
    }
}

impl JobQueue {
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// The queue name: the last part of its URL and ARN.
    #[must_use]
    pub fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    /// Opens a connection to SQS with the cheapest call that a sender's IAM policy allows.
    ///
    /// # Errors
    /// Fails when SQS can't be reached or rejects the call.
    pub async fn warm_up(&self) -> Result<(), Error> {
        let call = self.client.get_queue_attributes().queue_url(&self.url);
        call.send().await.map(drop).map_err(|e| Error::of("GetQueueAttributes", &e))
    }

    /// Number of messages: visible, in flight and delayed. SQS counts approximately, with up to a
    /// minute's delay.
    ///
    /// # Errors
    /// Fails when SQS can't be reached or rejects the call.
    pub async fn depth(&self) -> Result<usize, Error> {
        use QueueAttributeName::{
            ApproximateNumberOfMessages as Visible, ApproximateNumberOfMessagesDelayed as Delayed,
            ApproximateNumberOfMessagesNotVisible as InFlight,
        };
        let call = self.client.get_queue_attributes().queue_url(&self.url);
        let call = call.set_attribute_names(Some(vec![Visible, InFlight, Delayed]));
        let answer = call.send().await.map_err(|e| Error::of("GetQueueAttributes", &e))?;
        let count = |name| answer.attributes()?.get(&name)?.parse::<usize>().ok();
        let counts = [count(Visible), count(InFlight), count(Delayed)];
        let counts: Option<Vec<_>> = counts.into_iter().collect();
        let counts = counts
            .ok_or_else(|| Error::Refused("GetQueueAttributes: counts missing".to_owned()))?;
        Ok(counts.into_iter().sum())
    }

    /// Sends a message. The account is the message group, which SQS fair queues use to balance
    /// accounts
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>).
    ///
    /// # Errors
    /// Fails when SQS can't be reached or rejects the call; the message may have been sent
    /// nevertheless.
    pub async fn send(&self, outgoing: &OutgoingMessage, now: Time) -> Result<(), Error> {
        let (text, delay) = outgoing.sent_at(now);
        let call = self.client.send_message().queue_url(&self.url).message_body(text);
        let call = call
            .set_message_group_id(outgoing.message.account().map(|account| account.to_string()))
            .set_delay_seconds(Some(delay).filter(|delay| *delay > 0))
            .set_message_attributes(outgoing.attributes()?);
        call.send().await.map(drop).map_err(|e| Error::of("SendMessage", &e))
    }

    /// Announces the imminent end of a job if it has a callback or publishes an event.
    ///
    /// The caller sends this before it writes the end, so that a crash in between loses neither.
    /// The token shows the receiver whether that end was written.
    ///
    /// # Errors
    /// Fails when SQS can't be reached or rejects the call; the messages may have been sent
    /// nevertheless.
    pub async fn announce_end(
        &self,
        job: &Job,
        by: EndedBy<'_>,
        trace: Option<&Traceparent>,
        now: Time,
    ) -> Result<(), Error> {
        let ended = |event| Message::Ended(Ended::before_end(job, EndedBy { event, ..by }));
        let callback = job
            .callback_url
            .as_ref()
            .map(|_| OutgoingMessage::after_pending_write(ended(None), trace.cloned()));
        let event = by.event.map(|event| OutgoingMessage::after_known_outcome(ended(Some(event))));
        match (callback, event) {
            (None, None) => Ok(()),
            (Some(only), None) | (None, Some(only)) => self.send(&only, now).await,
            (Some(one), Some(other)) => {
                let (one, other) = tokio::join!(self.send(&one, now), self.send(&other, now));
                one.and(other)
            }
        }
    }

    /// Sends messages in parallel calls of ten and returns for each whether it was sent. A message
    /// with an unknown outcome counts as not sent, though it may have been.
    pub async fn send_all(&self, outgoing: &[OutgoingMessage], now: Time) -> Vec<bool> {
        let sent = join_all(outgoing.chunks(BATCH).map(|batch| self.send_batch(batch, now))).await;
        let mut all = Vec::with_capacity(outgoing.len());
        for (batch, sent) in outgoing.chunks(BATCH).zip(sent) {
            all.extend(sent.unwrap_or_else(|error| {
                tracing::warn!(cause = %error, "sending messages failed");
                vec![false; batch.len()]
            }));
        }
        all
    }

    async fn send_batch(&self, batch: &[OutgoingMessage], now: Time) -> Result<Vec<bool>, Error> {
        let entries = batch.iter().enumerate().map(|(n, outgoing)| {
            let (text, delay) = outgoing.sent_at(now);
            SendMessageBatchRequestEntry::builder()
                .id(n.to_string())
                .message_body(text)
                .set_message_group_id(outgoing.message.account().map(|account| account.to_string()))
                .set_delay_seconds(Some(delay).filter(|delay| *delay > 0))
                .set_message_attributes(outgoing.attributes()?)
                .build()
                .map_err(|e| Error::Refused(e.to_string()))
        });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
        let answer = call.send().await.map_err(|e| Error::of("SendMessageBatch", &e))?;
        let mut sent = vec![false; batch.len()];
        for entry in answer.successful() {
            if let Some(sent) = entry.id().parse().ok().and_then(|n: usize| sent.get_mut(n)) {
                *sent = true;
            }
        }
        Ok(sent)
    }

    /// Sets the visibility timeout of up to ten messages in one call.
    ///
    /// # Errors
    /// Fails when SQS can't be reached or rejects the call. A message rejected individually is only
    /// logged: it returns when its current timeout ends.
    pub async fn set_visibility(&self, messages: &[VisibilityChange]) -> Result<(), Error> {
        if messages.is_empty() {
            return Ok(());
        }
        let entries = messages.iter().enumerate().map(|(n, message)| {
            let seconds = message.hidden_for.min(MAX_VISIBILITY).as_secs();
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(n.to_string())
                .receipt_handle(&message.receipt)
                .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
                .build()
                .map_err(|e| Error::Refused(e.to_string()))
        });
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let call = self
            .client
            .change_message_visibility_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries));
        let answer =
            call.send().await.map_err(|e| Error::of("ChangeMessageVisibilityBatch", &e))?;
        for refused in answer.failed() {
            tracing::warn!(sqs.code = refused.code(), "visibility change failed");
        }
        Ok(())
    }
}
