//! SQS's JSON protocol.

use super::{Message, Queues, batch::each_entry, error::QueueError};
use crate::{
    aws::{arn_of, url_of},
    ledger::Line,
    service_response::ServiceResponse,
};
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

impl Queues {
    /// Handles a request. Returns the response, and the number of messages for the ledger.
    pub(crate) async fn call(&self, operation: &str, request: Value) -> (ServiceResponse, Line) {
        let queue =
            request["QueueUrl"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let outcome = match operation {
            "ReceiveMessage" => self.receive_request(queue, &request).await,
            "SendMessage" => self.send_entry(queue, &request),
            "SendMessageBatch" => each_entry(&request, |entry| self.send_entry(queue, entry)),
            "DeleteMessage" => self.delete_entry(queue, &request),
            "DeleteMessageBatch" => each_entry(&request, |entry| self.delete_entry(queue, entry)),
            "ChangeMessageVisibility" => self.visibility_entry(queue, &request),
            "ChangeMessageVisibilityBatch" => {
                each_entry(&request, |entry| self.visibility_entry(queue, entry))
            }
            "GetQueueAttributes" => self.attributes_request(queue),
            "GetQueueUrl" => self.url_request(&request),
            "PurgeQueue" => self.purge(queue).map(|()| json!({})),
            other => panic!("the sim's SQS has no {other} yet: add it here"),
        };
        let messages = messages_in(operation, &request, outcome.as_ref().unwrap_or(&Value::Null));
        let line = Line { calls: 1, messages, ..Line::default() };
        (outcome.map_or_else(QueueError::into_answer, ServiceResponse::ok), line)
    }

    fn send_entry(&self, queue: &str, entry: &Value) -> Result<Value, QueueError> {
        // The SDK doesn't verify digests, so this simulator computes none.
        Ok(json!({"MessageId": self.send(queue, entry)?, "MD5OfMessageBody": ""}))
    }

    fn delete_entry(&self, queue: &str, entry: &Value) -> Result<Value, QueueError> {
        self.delete(queue, receipt_in(entry))?;
        Ok(json!({}))
    }

    fn visibility_entry(&self, queue: &str, entry: &Value) -> Result<Value, QueueError> {
        let visibility = seconds_in(entry, "VisibilityTimeout")
            .ok_or(QueueError::Invalid("VisibilityTimeout is missing"))?;
        self.change_visibility(queue, receipt_in(entry), visibility)?;
        Ok(json!({}))
    }

    /// Receives now, or with `WaitTimeSeconds` when a message becomes visible.
    async fn receive_request(&self, queue: &str, request: &Value) -> Result<Value, QueueError> {
        let max = request["MaxNumberOfMessages"].as_u64().unwrap_or(1);
        if !(1..=10).contains(&max) {
            return Err(QueueError::Invalid("MaxNumberOfMessages is from 1 to 10"));
        }
        let patience = Instant::now() + seconds_in(request, "WaitTimeSeconds").unwrap_or_default();
        loop {
            let changed = self.changed();
            let received = self.receive(
                queue,
                usize::try_from(max).unwrap(),
                seconds_in(request, "VisibilityTimeout"),
            )?;
            if !received.is_empty() || Instant::now() >= patience {
                let messages: Vec<_> = received
                    .iter()
                    .map(|message| with_requested_attributes(request, message))
                    .collect();
                return Ok(json!({"Messages": messages}));
            }
            let next =
                self.next_visible_at(queue).map_or(patience, |visible_at| visible_at.min(patience));
            // Poll again in either case.
            let _ = timeout_at(next, changed).await;
        }
    }

    fn attributes_request(&self, queue: &str) -> Result<Value, QueueError> {
        let state = &mut *self.lock();
        let queue = state.queue(queue)?;
        let now = Instant::now();
        let count = |wanted: &dyn Fn(&Message) -> bool| {
            queue.messages.iter().filter(|message| wanted(message)).count().to_string()
        };
        let mut attributes = json!({
            "QueueArn": arn_of(queue.name),
            "VisibilityTimeout": queue.visibility.as_secs().to_string(),
            "ApproximateNumberOfMessages": count(&|message| message.visible_at <= now),
            "ApproximateNumberOfMessagesNotVisible": count(&Message::is_in_flight),
            "ApproximateNumberOfMessagesDelayed":
                count(&|message| message.receives == 0 && message.visible_at > now),
        });
        if let Some(redrive) = queue.redrive {
            let policy = json!({
                "deadLetterTargetArn": arn_of(redrive.to),
                "maxReceiveCount": redrive.max_receives,
            });
            attributes["RedrivePolicy"] = policy.to_string().into();
        }
        Ok(json!({"Attributes": attributes}))
    }

    fn url_request(&self, request: &Value) -> Result<Value, QueueError> {
        let name = request["QueueName"].as_str().unwrap_or_default();
        self.lock().queue(name)?;
        Ok(json!({"QueueUrl": url_of(name)}))
    }
}

/// A message with only the attributes that the receiver requested, as in SQS.
fn with_requested_attributes(request: &Value, message: &Message) -> Value {
    let mut json = message.to_json();
    retain_requested(
        &mut json["Attributes"],
        &[&request["AttributeNames"], &request["MessageSystemAttributeNames"]],
    );
    retain_requested(&mut json["MessageAttributes"], &[&request["MessageAttributeNames"]]);
    json
}

fn retain_requested(attributes: &mut Value, asked: &[&Value]) {
    let asked: Vec<_> = asked
        .iter()
        .filter_map(|names| names.as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let attributes = attributes.as_object_mut().expect("attributes are an object");
    *attributes = std::mem::take(attributes)
        .into_iter()
        .filter(|(name, _)| {
            asked.iter().any(|wanted| wanted == name || matches!(*wanted, "All" | ".*"))
        })
        .collect::<Map<_, _>>();
}

fn receipt_in(entry: &Value) -> &str {
    entry["ReceiptHandle"].as_str().unwrap_or_default()
}

fn seconds_in(entry: &Value, field: &str) -> Option<Duration> {
    entry[field].as_u64().map(Duration::from_secs)
}

fn messages_in(operation: &str, request: &Value, answer: &Value) -> u64 {
    let list = match operation {
        "ReceiveMessage" => &answer["Messages"],
        "GetQueueAttributes" | "GetQueueUrl" | "PurgeQueue" => return 0,
        _ if operation.ends_with("Batch") => &request["Entries"],
        _ => return 1,
    };
    list.as_array().map_or(0, |messages| messages.len() as u64)
}
