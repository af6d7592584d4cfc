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
use crate::{
    event::DECIDED,
    job::{By, Ended, Job, JobMessage, Message},
    telemetry::Traceparent,
    time::Time,
};

/// The longest that a message is hidden: SQS allows twelve hours, counted from when it was received.
const LONGEST: Duration = Duration::from_secs(11 * 3600);
/// How many messages one call takes.
const BATCH: usize = 10;

/// A queue of jobs, or its dead letters.
#[derive(Clone, Debug)]
pub struct JobQueue {
    client: Client,
    url: String,
}

/// How long a message that was received stays hidden from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visibility {
    /// Which receipt of which message.
    pub receipt: String,
    /// For how long; whole seconds, at most eleven hours.
    pub hidden_for: Duration,
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct Outgoing {
    message: Message,
    arrives: Arrives,
    trace: Option<Traceparent>,
}

#[derive(Clone, Copy, Debug)]
enum Arrives {
    After(Duration),
    At(Time),
}

impl Outgoing {
    /// The longest delay of a message
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-delay-queues.html>).
    pub const LONGEST: Duration = Duration::from_secs(15 * 60);

    /// A message that arrives at once.
    #[must_use]
    pub const fn now(message: Message, trace: Option<Traceparent>) -> Self {
        Self { message, arrives: Arrives::After(Duration::ZERO), trace }
    }

    /// A message that tells of a write which is about to be made: it arrives when that is usually done.
    const fn soon(message: Message, trace: Option<Traceparent>) -> Self {
        Self { message, arrives: Arrives::After(Duration::from_secs(2)), trace }
    }

    /// A message that looks after an event that is about to be published: it arrives when it is known whether it was.
    #[must_use]
    pub const fn once_decided(message: Message) -> Self {
        let pause = Duration::from_secs(DECIDED.as_secs() + 1);
        Self { message, arrives: Arrives::After(pause), trace: None }
    }

    /// A job's message in case that the write which makes it wait outlives whoever makes it, so that no other message follows: it arrives
    /// when that write is there or never will be, also as a call of which nobody hears any more.
    #[must_use]
    pub const fn in_case(job: JobMessage, trace: Option<Traceparent>) -> Self {
        Self { message: Message::Job(job), arrives: Arrives::After(Duration::from_secs(30)), trace }
    }

    /// A job's message that counts from `due` on, whenever it is sent. One that is further away than SQS delays a message arrives earlier,
    /// and is then sent on for the rest of the way.
    #[must_use]
    pub const fn at(job: JobMessage, due: Time, trace: Option<Traceparent>) -> Self {
        Self { message: Message::Job(job), arrives: Arrives::At(due), trace }
    }

    /// What is sent at `now`, and with which delay in seconds.
    fn sent_at(&self, now: Time) -> (String, i32) {
        let (due, pause) = match self.arrives {
            Arrives::After(pause) => (None, pause),
            Arrives::At(due) => (Some(due), due.since(now)),
        };
        // Rounded up: a message must not be early.
        let whole = Duration::from_secs(pause.as_secs() + u64::from(pause.subsec_nanos() > 0));
        let text = match &self.message {
            Message::Job(job) => {
                let due = due.filter(|_| whole > Self::LONGEST);
                Message::Job(JobMessage { due, ..job.clone() }).encode()
            }
            message => message.encode(),
        };
        (text, i32::try_from(whole.min(Self::LONGEST).as_secs()).unwrap_or(0))
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
    /// The queue at this address.
    #[must_use]
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// The queue's name, as it ends its address and its ARN.
    #[must_use]
    pub fn name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }

    /// Opens a connection to SQS with the cheapest call that a sender may make.
    ///
    /// # Errors
    /// When SQS can't be reached or refuses.
    pub async fn touch(&self) -> Result<(), Error> {
        let call = self.client.get_queue_attributes().queue_url(&self.url);
        call.send().await.map(drop).map_err(|e| Error::of("GetQueueAttributes", &e))
    }

    /// How many messages there are: those that can be received, those in flight, those delayed. SQS counts approximately, and may be a
    /// minute behind.
    ///
    /// # Errors
    /// When SQS can't be reached or refuses.
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
            .ok_or_else(|| Error::Refused("GetQueueAttributes: no counts came".to_owned()))?;
        Ok(counts.into_iter().sum())
    }

    /// Sends a message on its way. Its account is its group, by which SQS deals fairly between accounts
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>).
    ///
    /// # Errors
    /// When SQS can't be reached or refuses; the message may have been sent all the same.
    pub async fn send(&self, outgoing: &Outgoing, now: Time) -> Result<(), Error> {
        let (text, delay) = outgoing.sent_at(now);
        let call = self.client.send_message().queue_url(&self.url).message_body(text);
        let call = call
            .set_message_group_id(outgoing.message.account().map(|account| account.to_string()))
            .set_delay_seconds(Some(delay).filter(|delay| *delay > 0))
            .set_message_attributes(outgoing.attributes()?);
        call.send().await.map(drop).map_err(|e| Error::of("SendMessage", &e))
    }

    /// Says by whom a job is about to be ended, if anybody is to be told: by a callback, or by an event.
    /// Before the end is written, so that no crash in between can lose either; the token will tell whether that end came to be.
    ///
    /// # Errors
    /// When SQS can't be reached or refuses; the message may have been sent all the same.
    pub async fn announce(
        &self,
        job: &Job,
        by: By<'_>,
        trace: Option<&Traceparent>,
        now: Time,
    ) -> Result<(), Error> {
        let ended = |event| Message::Ended(Ended::announced(job, By { event, ..by }));
        let callback =
            job.callback_url.as_ref().map(|_| Outgoing::soon(ended(None), trace.cloned()));
        let event = by.event.map(|event| Outgoing::once_decided(ended(Some(event))));
        match (callback, event) {
            (None, None) => Ok(()),
            (Some(only), None) | (None, Some(only)) => self.send(&only, now).await,
            (Some(one), Some(other)) => {
                let (one, other) = tokio::join!(self.send(&one, now), self.send(&other, now));
                one.and(other)
            }
        }
    }

    /// Sends any number of messages, ten a call, side by side; says of each whether it was sent. One of which that isn't known counts as
    /// not sent, and may have been sent all the same.
    pub async fn send_all(&self, outgoing: &[Outgoing], now: Time) -> Vec<bool> {
        let sent = join_all(outgoing.chunks(BATCH).map(|batch| self.send_batch(batch, now))).await;
        let mut all = Vec::with_capacity(outgoing.len());
        for (batch, sent) in outgoing.chunks(BATCH).zip(sent) {
            all.extend(sent.unwrap_or_else(|error| {
                tracing::warn!(cause = %error, "messages could not be sent");
                vec![false; batch.len()]
            }));
        }
        all
    }

    async fn send_batch(&self, batch: &[Outgoing], now: Time) -> Result<Vec<bool>, Error> {
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

    /// Says when up to ten messages come back, in one call.
    ///
    /// # Errors
    /// When SQS can't be reached or refuses. A single message that it refuses is no error: it comes back when its visibility ends.
    pub async fn hide(&self, messages: &[Visibility]) -> Result<(), Error> {
        if messages.is_empty() {
            return Ok(());
        }
        let entries = messages.iter().enumerate().map(|(n, message)| {
            let seconds = message.hidden_for.min(LONGEST).as_secs();
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
            tracing::warn!(
                sqs.code = refused.code(),
                "a message's visibility could not be changed"
            );
        }
        Ok(())
    }
}
