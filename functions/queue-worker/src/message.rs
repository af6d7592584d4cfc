use aws_lambda_events::sqs::SqsMessage;
use model::{
    job::{InvalidMessage, Message},
    schedule::SCHEDULED_TIME,
    time::Time,
};
use runtime::telemetry::Traceparent;
use serde_json::Value;
use store::JobQueue;

/// One delivery of an SQS message.
#[derive(Debug)]
pub struct ReceivedMessage {
    pub message_id: String,
    /// The receipt handle, which sets the visibility.
    pub receipt: String,
    /// Approximate receive count, including this delivery.
    pub receive_count: u32,
    pub sent_at: Option<Time>,
    /// Whether the message comes from the dead-letter queue.
    pub is_dead_letter: bool,
    pub message: Result<Message, InvalidMessage>,
    /// The trace of the client that submitted the job.
    pub trace: Option<Traceparent>,
}

impl ReceivedMessage {
    pub fn from_record(record: SqsMessage, dead_letters: &JobQueue) -> Self {
        let source = record.event_source_arn.unwrap_or_default();
        let count =
            record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        let sent_at = record.attributes.get("SentTimestamp").and_then(|millis| millis.parse().ok());
        let trace = record.message_attributes.get("traceparent");
        let is_dead_letter = source.rsplit(':').next() == Some(dead_letters.name());
        let mut message = decode(&record.body.unwrap_or_default(), is_dead_letter);
        let due = record
            .message_attributes
            .get("SCHEDULED_TIME")
            .and_then(|due| due.string_value.as_ref());
        if let (true, Ok(Message::Schedule(run)), Some(due)) = (is_dead_letter, &mut message, due)
            && run.at == SCHEDULED_TIME
        {
            run.at.clone_from(due);
        }
        Self {
            message_id: record.message_id.unwrap_or_default(),
            receipt: record.receipt_handle.unwrap_or_default(),
            receive_count: count.unwrap_or(1),
            sent_at: sent_at.map(Time::from_millis),
            is_dead_letter,
            message,
            trace: trace.and_then(|value| value.string_value.as_deref()?.parse().ok()),
        }
    }
}

/// Decodes a message body. A dead letter of EventBridge Scheduler may be the `SendMessage` request
/// that failed, with the message in it. AWS documents this by an example only
/// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html>).
fn decode(body: &str, is_dead_letter: bool) -> Result<Message, InvalidMessage> {
    match Message::decode(body) {
        Err(InvalidMessage::Malformed) if is_dead_letter => {
            let request: Value = serde_json::from_str(body).unwrap_or_default();
            Message::decode(request["MessageBody"].as_str().unwrap_or_default())
        }
        message => message,
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::sqs::SqsEvent;
    use store::connect;

    use super::*;

    #[test]
    fn parses_sqs_events() {
        let event: SqsEvent = serde_json::from_str(include_str!("../fixtures/sqs.json")).unwrap();
        let clients =
            connect(&|name| (name != "AWS_ENDPOINT_URL").then(|| "x".to_owned())).unwrap();
        let dead_letters = JobQueue::new(
            clients.sqs(),
            "https://sqs.eu-west-1.amazonaws.com/123456789012/\
             tollgate-DeadLetterQueue-2BCDEFGHIJKLM",
        );
        let received = |record: SqsMessage| ReceivedMessage::from_record(record, &dead_letters);
        let [job, malformed] =
            event.records.into_iter().map(received).collect::<Vec<_>>().try_into().unwrap();
        assert_eq!((job.receive_count, job.is_dead_letter, job.trace.is_some()), (2, false, true));
        assert_eq!(job.sent_at, Some(Time::from_millis(1_795_190_400_000)));
        assert!(matches!(
            job.message,
            Ok(Message::Job(message)) if message.kind == "echo".parse().unwrap()
        ));
        assert_eq!(
            (malformed.receive_count, malformed.is_dead_letter, malformed.trace),
            (1, true, None)
        );
        assert!(matches!(malformed.message, Err(InvalidMessage::Malformed)));
    }

    #[test]
    fn decodes_scheduler_dead_letters() {
        let text = r#"{"v":1,"schedule":{"name":"nightly","at":"2026-11-20T16:00:00Z"}}"#;
        let request =
            serde_json::json!({"MessageBody": text, "QueueUrl": "https://sqs/jobs"}).to_string();
        for body in [text, &request] {
            assert!(
                matches!(decode(body, true), Ok(Message::Schedule(run)) if run.at.ends_with("Z"))
            );
        }
        assert!(
            matches!(decode(&request, false), Err(InvalidMessage::Malformed)),
            "not a dead letter"
        );
        for malformed in ["", "{}", r#"{"MessageBody":7}"#, r#"{"MessageBody":"x"}"#] {
            assert!(
                matches!(decode(malformed, true), Err(InvalidMessage::Malformed)),
                "{malformed}"
            );
        }
    }
}
