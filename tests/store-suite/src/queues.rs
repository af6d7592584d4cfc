//! The contract of the job queue, for every implementation of SQS. Each test has its own queue,
//! from which no function receives.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_sqs::{
    Client,
    types::{Message as Received, MessageSystemAttributeName},
};
use model::{
    id::{self, JobId},
    job::{JobMessage, Message},
};
use runtime::telemetry::Traceparent;
use store::{JobQueue, OutgoingMessage, VisibilityChange};
use tokio::time::Instant;

use crate::{account, now};

/// A queue, with a consumer that receives its messages as Lambda does.
pub struct ConsumedQueue {
    queue: JobQueue,
    client: Client,
    url: String,
}

impl ConsumedQueue {
    /// A queue without other consumers.
    pub fn new(client: Client, url: String) -> Self {
        Self { queue: JobQueue::new(client.clone(), &url), client, url }
    }

    /// Receives up to ten messages, and waits up to ten seconds for the first.
    async fn receive(&self) -> Vec<Received> {
        for _ in 0..10 {
            // The client's timeout is shorter than SQS's longest wait.
            let call = self.client.receive_message().queue_url(&self.url).wait_time_seconds(1);
            let call = call.max_number_of_messages(10).message_attribute_names("All");
            let call = call.message_system_attribute_names(MessageSystemAttributeName::All);
            let messages = call.send().await.unwrap().messages.unwrap_or_default();
            if !messages.is_empty() {
                return messages;
            }
        }
        panic!("no message came");
    }
}

fn message() -> JobMessage {
    JobMessage::new(account(), id::generate(now(), rand::random()), "echo".parse().unwrap())
}

fn job(received: &Received) -> JobId {
    match Message::decode(received.body().unwrap()) {
        Ok(Message::Job(job)) => job.id,
        other => panic!("{other:?}"),
    }
}

pub async fn a_message_arrives_with_its_trace_and_its_group(taken: ConsumedQueue) {
    let trace: Traceparent =
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
    let sent = message();
    let outgoing = OutgoingMessage::immediate(Message::Job(sent.clone()), Some(trace.clone()));
    taken.queue.send(&outgoing, now()).await.unwrap();
    let [received] = taken.receive().await.try_into().unwrap();
    assert_eq!(Message::decode(received.body().unwrap()).unwrap(), Message::Job(sent.clone()));
    let attributes = received.message_attributes().unwrap();
    assert_eq!(attributes["traceparent"].string_value(), Some(trace.as_str()));
    let system = received.attributes().unwrap();
    assert_eq!(system[&MessageSystemAttributeName::MessageGroupId], sent.account.to_string());
    assert_eq!(system[&MessageSystemAttributeName::ApproximateReceiveCount], "1");
}

pub async fn many_messages_are_sent_in_batches_of_ten(taken: ConsumedQueue) {
    let messages: Vec<_> = (0..25).map(|_| message()).collect();
    let outgoing: Vec<_> = messages
        .iter()
        .map(|message| OutgoingMessage::immediate(Message::Job(message.clone()), None))
        .collect();
    assert_eq!(taken.queue.send_all(&outgoing, now()).await, [true; 25]);
    let mut arrived = Vec::new();
    while arrived.len() < 25 {
        arrived.extend(taken.receive().await.iter().map(job));
    }
    let sent: BTreeSet<_> = messages.iter().map(|message| message.id).collect();
    assert_eq!((arrived.len(), arrived.into_iter().collect::<BTreeSet<_>>()), (25, sent));
    assert_eq!(taken.queue.depth().await.unwrap(), 25);
}

pub async fn a_message_is_not_delivered_early(taken: ConsumedQueue) {
    let (sent, at, begun) = (message(), now(), Instant::now());
    let pause = Duration::from_secs(2);
    taken.queue.send(&OutgoingMessage::due_at(sent.clone(), at + pause, None), at).await.unwrap();
    assert_eq!(taken.queue.depth().await.unwrap(), 1);
    let [received] = taken.receive().await.try_into().unwrap();
    assert!(begun.elapsed() >= pause);
    assert_eq!(job(&received), sent.id);
}

pub async fn hidden_messages_reappear_when_due(taken: ConsumedQueue) {
    let messages = [message(), message()];
    for message in &messages {
        taken
            .queue
            .send(&OutgoingMessage::immediate(Message::Job(message.clone()), None), now())
            .await
            .unwrap();
    }
    let mut first = Vec::new();
    while first.len() < 2 {
        first.extend(taken.receive().await);
    }
    // One returns soon, the other as late as possible.
    let hidden: Vec<_> = first
        .iter()
        .zip([2, 13 * 3600])
        .map(|(received, seconds)| VisibilityChange {
            receipt: received.receipt_handle().unwrap().to_owned(),
            hidden_for: Duration::from_secs(seconds),
        })
        .collect();
    let begun = Instant::now();
    taken.queue.set_visibility(&hidden).await.unwrap();
    let [again] = taken.receive().await.try_into().unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(job(&again), job(&first[0]));
    let system = again.attributes().unwrap();
    assert_eq!(system[&MessageSystemAttributeName::ApproximateReceiveCount], "2");
    assert_eq!(taken.queue.depth().await.unwrap(), 2);
}
