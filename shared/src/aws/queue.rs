use std::time::Duration;

use aws_sdk_sqs::{
    Client,
    types::{ChangeMessageVisibilityBatchRequestEntry, MessageAttributeValue},
};

use super::Error;
use crate::{job::Message, telemetry::Traceparent};

/// The longest that a message is hidden: SQS allows twelve hours, counted from when it was received.
const LONGEST: Duration = Duration::from_secs(11 * 3600);

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

    /// Sends a job on its way. The account is the message's group, by which SQS deals fairly between accounts
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html>).
    ///
    /// # Errors
    /// When SQS can't be reached or refuses; the message may have been sent all the same.
    pub async fn send(&self, message: &Message, trace: Option<&Traceparent>) -> Result<(), Error> {
        let call = self.client.send_message().queue_url(&self.url).message_body(message.encode());
        let mut call = call.message_group_id(message.account.to_string());
        if let Some(trace) = trace {
            let value =
                MessageAttributeValue::builder().data_type("String").string_value(trace.as_str()).build();
            let value = value.map_err(|e| Error::Refused(e.to_string()))?;
            call = call.message_attributes("traceparent", value);
        }
        call.send().await.map(drop).map_err(|e| Error::of("SendMessage", &e))
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
        let call =
            self.client.change_message_visibility_batch().queue_url(&self.url).set_entries(Some(entries));
        let answer = call.send().await.map_err(|e| Error::of("ChangeMessageVisibilityBatch", &e))?;
        for refused in answer.failed() {
            tracing::warn!(sqs.code = refused.code(), "a message's visibility could not be changed");
        }
        Ok(())
    }
}
