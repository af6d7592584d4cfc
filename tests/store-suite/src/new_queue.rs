//! A queue for one test of the suite, in an emulator that many tests share.

use aws_sdk_sqs::{Client, types::QueueAttributeName};

use crate::ConsumedQueue;

pub async fn new_queue(client: Client) -> ConsumedQueue {
    let name = format!("suite-{:016x}", rand::random::<u64>());
    let call = client
        .create_queue()
        .queue_name(name)
        .attributes(QueueAttributeName::VisibilityTimeout, "180");
    let url = call.send().await.unwrap().queue_url.unwrap();
    ConsumedQueue::new(client, url)
}
