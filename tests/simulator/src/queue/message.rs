//! Messages and their receipt handles.

use super::error::QueueError;
use crate::{aws::arn_of, loop_detection::HEADER};
use serde_json::{Map, Value, json};
use std::{fmt, str::FromStr, time::Duration};
use tokio::time::Instant;

/// SQS's maximum body size in bytes. Empty bodies are invalid.
const LARGEST_BODY: usize = 1024 * 1024;

/// SQS's longest delay: 15 minutes, in seconds.
const LONGEST_DELAY: u64 = 900;

/// A message in a queue.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: String,
    pub body: String,
    /// Message group: the tenant, for fair queues.
    pub group: Option<String>,
    /// Message attributes in SQS's JSON.
    pub attributes: Map<String, Value>,
    /// When it was sent, in milliseconds since 1970.
    pub sent_ms: i64,
    /// When it becomes, or became, visible.
    pub visible_at: Instant,
    /// Number of receives.
    pub receives: u32,
    /// The queue whose redrive policy moved it here.
    pub source_queue: Option<&'static str>,
    first_received_ms: i64,
    /// Trace header of the invocation that sent it.
    trace_header: Option<String>,
}

impl Message {
    /// Parses a send request; `nth` numbers all messages ever sent.
    pub(super) fn read(entry: &Value, nth: u64, sent_ms: i64) -> Result<Self, QueueError> {
        let body = entry["MessageBody"].as_str().unwrap_or_default();
        if body.is_empty() || body.len() > LARGEST_BODY {
            return Err(QueueError::Invalid("MessageBody is from 1 byte to 1 MiB"));
        }
        let delay = entry["DelaySeconds"].as_u64().unwrap_or_default();
        if delay > LONGEST_DELAY {
            return Err(QueueError::Invalid("DelaySeconds is from 0 to 900"));
        }
        Ok(Self {
            id: format!("00000000-0000-4000-8000-{nth:012}"),
            body: body.to_owned(),
            group: entry["MessageGroupId"].as_str().map(str::to_owned),
            attributes: entry["MessageAttributes"].as_object().cloned().unwrap_or_default(),
            sent_ms,
            visible_at: Instant::now() + Duration::from_secs(delay),
            receives: 0,
            source_queue: None,
            first_received_ms: 0,
            trace_header: entry[HEADER].as_str().map(str::to_owned),
        })
    }

    /// Whether a consumer received it and its visibility timeout has not ended.
    pub fn is_in_flight(&self) -> bool {
        self.receives > 0 && self.visible_at > Instant::now()
    }

    /// Marks it as received and hides it until `visible_at`.
    pub(super) fn mark_received(&mut self, visible_at: Instant, now_ms: i64) {
        if self.receives == 0 {
            self.first_received_ms = now_ms;
        }
        self.receives += 1;
        self.visible_at = visible_at;
    }

    /// The message as moved to the dead-letter queue of `queue`.
    pub(super) fn dead_lettered_from(self, queue: &'static str) -> Self {
        Self { source_queue: Some(queue), ..self }
    }

    /// The message as a receiver gets it, with all attributes.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "MessageId": self.id,
            "ReceiptHandle": Receipt::for_latest(self).to_string(),
            "Body": self.body,
            "Attributes": self.system_attributes(),
            "MessageAttributes": self.attributes,
        })
    }

    fn system_attributes(&self) -> Map<String, Value> {
        let mut attributes = Map::new();
        let mut set = |name: &str, value: String| attributes.insert(name.to_owned(), value.into());
        set("SenderId", "AIDASIM".to_owned());
        set("SentTimestamp", self.sent_ms.to_string());
        set("ApproximateFirstReceiveTimestamp", self.first_received_ms.to_string());
        set("ApproximateReceiveCount", self.receives.to_string());
        if let Some(group) = &self.group {
            set("MessageGroupId", group.clone());
        }
        if let Some(header) = &self.trace_header {
            set(HEADER, header.clone());
        }
        if let Some(queue) = self.source_queue {
            set("DeadLetterQueueSourceArn", arn_of(queue));
        }
        attributes
    }
}

/// A receipt handle. Each receive invalidates the previous ones.
#[derive(Debug)]
pub(super) struct Receipt {
    id: String,
    receive: u32,
}

impl Receipt {
    fn for_latest(message: &Message) -> Self {
        Self { id: message.id.clone(), receive: message.receives }
    }

    pub(super) fn is_of(&self, message: &Message) -> bool {
        self.id == message.id && self.receive == message.receives
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.id, self.receive)
    }
}

impl FromStr for Receipt {
    type Err = QueueError;

    fn from_str(handle: &str) -> Result<Self, QueueError> {
        let (id, receive) = handle.split_once('/').ok_or(QueueError::BadReceipt)?;
        let receive = receive.parse().map_err(|_| QueueError::BadReceipt)?;
        Ok(Self { id: id.to_owned(), receive })
    }
}
