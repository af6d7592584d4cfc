//! A message in a queue, and the receipt for having received it.

use super::error::QueueError;
use crate::{aws::arn_of, lineage::HEADER};
use serde_json::{Map, Value, json};
use std::{fmt, str::FromStr, time::Duration};
use tokio::time::Instant;

/// SQS takes bodies up to this size, and none that are empty.
const LARGEST_BODY: usize = 1024 * 1024;

/// SQS delays a message by fifteen minutes at most.
const LONGEST_DELAY: u64 = 900;

/// A message in a queue, as a test sees it.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its id.
    pub id: String,
    /// What it says.
    pub body: String,
    /// The tenant among whom the queue deals fairly.
    pub group: Option<String>,
    /// Its message attributes, as SQS's JSON has them.
    pub attributes: Map<String, Value>,
    /// When it was sent, in milliseconds since 1970.
    pub sent_ms: i64,
    /// When it can be received, next or at last.
    pub visible_at: Instant,
    /// How often it has been received.
    pub receives: u32,
    /// The queue that gave up on it.
    pub died_in: Option<&'static str>,
    first_received_ms: i64,
    /// The trace header of the invocation that sent it.
    trace_header: Option<String>,
}

impl Message {
    /// The `nth` message ever sent, from the request that sends it.
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
            died_in: None,
            first_received_ms: 0,
            trace_header: entry[HEADER].as_str().map(str::to_owned),
        })
    }

    /// Whether someone has it now and hasn't said what became of it.
    pub fn is_in_flight(&self) -> bool {
        self.receives > 0 && self.visible_at > Instant::now()
    }

    /// Gives it to a receiver until `visible_at`.
    pub(super) fn hand_out(&mut self, visible_at: Instant, now_ms: i64) {
        if self.receives == 0 {
            self.first_received_ms = now_ms;
        }
        self.receives += 1;
        self.visible_at = visible_at;
    }

    /// The same message, as the dead-letter queue of `queue` gets it.
    pub(super) fn buried_from(self, queue: &'static str) -> Self {
        Self { died_in: Some(queue), ..self }
    }

    /// As a receiver gets it, with all attributes.
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
        if let Some(queue) = self.died_in {
            set("DeadLetterQueueSourceArn", arn_of(queue));
        }
        attributes
    }
}

/// What a receiver holds to speak of a message: each receive makes the ones before it worthless.
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
