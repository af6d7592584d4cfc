use aws_lambda_events::sqs::SqsMessage;
use shared::{
    aws::JobQueue,
    job::{Message, NotAMessage},
    telemetry::Traceparent,
    time::Time,
};

/// A message as it was delivered this time.
#[derive(Debug)]
pub struct Delivery {
    /// The queue's id for it.
    pub message_id: String,
    /// By which its visibility is set.
    pub receipt: String,
    /// How often it was delivered, this time included.
    pub count: u32,
    /// When it was sent.
    pub sent_at: Option<Time>,
    /// Whether it comes from the dead-letter queue.
    pub dead: bool,
    /// What it says.
    pub message: Result<Message, NotAMessage>,
    /// The trace that its client began.
    pub trace: Option<Traceparent>,
}

impl Delivery {
    /// Of a record of Lambda's event.
    pub fn of(record: SqsMessage, dead_letters: &JobQueue) -> Self {
        let source = record.event_source_arn.unwrap_or_default();
        let count = record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok());
        let sent_at = record.attributes.get("SentTimestamp").and_then(|millis| millis.parse().ok());
        let trace = record.message_attributes.get("traceparent");
        Self {
            message_id: record.message_id.unwrap_or_default(),
            receipt: record.receipt_handle.unwrap_or_default(),
            count: count.unwrap_or(1),
            sent_at: sent_at.map(Time::from_millis),
            dead: source.rsplit(':').next() == Some(dead_letters.name()),
            message: Message::decode(&record.body.unwrap_or_default()),
            trace: trace.and_then(|value| value.string_value.as_deref()?.parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::sqs::SqsEvent;
    use shared::aws::{Clients, connect};

    use super::*;

    #[test]
    fn an_event_of_sqs_is_read() {
        let event: SqsEvent = serde_json::from_str(include_str!("../fixtures/sqs.json")).unwrap();
        let Clients { sqs, .. } =
            connect(&|name| (name != "AWS_ENDPOINT_URL").then(|| "x".to_owned())).unwrap();
        let dead_letters = JobQueue::new(
            sqs,
            "https://sqs.eu-west-1.amazonaws.com/123456789012/tollgate-DeadLetterQueue-2BCDEFGHIJKLM",
        );
        let of = |record: SqsMessage| Delivery::of(record, &dead_letters);
        let [job, broken] = event.records.into_iter().map(of).collect::<Vec<_>>().try_into().unwrap();
        assert_eq!((job.count, job.dead, job.trace.is_some()), (2, false, true));
        assert_eq!(job.sent_at, Some(Time::from_millis(1_795_190_400_000)));
        assert!(matches!(job.message, Ok(Message::Job(message)) if message.kind == "echo".parse().unwrap()));
        assert_eq!((broken.count, broken.dead, broken.trace), (1, true, None));
        assert!(matches!(broken.message, Err(NotAMessage::Malformed)));
    }
}
