//! The queue through the SDK.

use crate::{Aws, DEAD_LETTERS, JOBS, Settings};
use aws_sdk_sqs::{
    Client,
    types::{
        MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName,
        SendMessageBatchRequestEntry,
    },
};
use std::time::Duration;
use tokio::time::{Instant, sleep};

async fn send(aws: &Aws, body: &str, group: &str) {
    let request = aws.sqs().send_message().queue_url(aws.queue_url(JOBS)).message_body(body);
    request.message_group_id(group).send().await.unwrap();
}

async fn receive(aws: &Aws, queue: &str, max: i32) -> Vec<aws_sdk_sqs::types::Message> {
    let request =
        aws.sqs().receive_message().queue_url(aws.queue_url(queue)).max_number_of_messages(max);
    request.send().await.unwrap().messages.unwrap_or_default()
}

fn bodies(messages: &[aws_sdk_sqs::types::Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn noisy_group_waits_for_quiet_groups() {
    let aws = Aws::new();
    for body in ["a1", "a2", "a3", "a4", "b1", "b2", "c1"] {
        send(&aws, body, &body[..1]).await;
    }
    assert_eq!(bodies(&receive(&aws, JOBS, 5).await), ["a1", "b1", "c1", "a2", "b2"]);
}

/// With one receive at a time no message stays in flight, so only the turns decide the order.
#[tokio::test(start_paused = true)]
async fn turns_are_kept_between_receives() {
    let aws = Aws::new();
    for body in ["a1", "a2", "a3", "b1", "b2"] {
        send(&aws, body, &body[..1]).await;
    }
    let mut order = Vec::new();
    for _ in 0..5 {
        let received = receive(&aws, JOBS, 1).await;
        order.extend(bodies(&received).into_iter().map(str::to_owned));
        let delete = aws.sqs().delete_message().queue_url(aws.queue_url(JOBS));
        delete.receipt_handle(received[0].receipt_handle().unwrap()).send().await.unwrap();
    }
    assert_eq!(order, ["a1", "b1", "a2", "b2", "a3"]);
}

/// The quiet group had the last turn and still comes first, because the noisy group has messages in
/// flight.
#[tokio::test(start_paused = true)]
async fn messages_in_flight_outweigh_turns() {
    let aws = Aws::new();
    for body in ["a1", "a2", "a3"] {
        send(&aws, body, "a").await;
    }
    receive(&aws, JOBS, 2).await;
    for body in ["b1", "b2"] {
        send(&aws, body, "b").await;
    }
    assert_eq!(bodies(&receive(&aws, JOBS, 1).await), ["b1"]);
    assert_eq!(bodies(&receive(&aws, JOBS, 1).await), ["b2"]);
}

#[tokio::test(start_paused = true)]
async fn delay_visibility_and_redrive_follow_the_clock() {
    let aws = Aws::with(Settings {
        max_receives: 2,
        visibility: Duration::from_secs(30),
        ..Settings::default()
    });
    let request = aws.sqs().send_message().queue_url(aws.queue_url(JOBS)).message_body("x");
    request.delay_seconds(60).send().await.unwrap();
    assert!(receive(&aws, JOBS, 1).await.is_empty());

    sleep(Duration::from_secs(60)).await;
    assert_eq!(receive(&aws, JOBS, 1).await.len(), 1);
    assert!(receive(&aws, JOBS, 1).await.is_empty());

    sleep(Duration::from_secs(30)).await;
    assert_eq!(receive(&aws, JOBS, 1).await.len(), 1);
    sleep(Duration::from_secs(30)).await;
    assert!(receive(&aws, JOBS, 1).await.is_empty());
    assert_eq!(bodies(&receive(&aws, DEAD_LETTERS, 1).await), ["x"]);
    assert_eq!(aws.messages(DEAD_LETTERS)[0].source_queue, Some(JOBS));
}

#[tokio::test(start_paused = true)]
async fn stale_receipt_handle_deletes_nothing() {
    let aws = Aws::new();
    send(&aws, "x", "a").await;
    let stale = receive(&aws, JOBS, 1).await[0].receipt_handle.clone().unwrap();
    let change = aws.sqs().change_message_visibility().queue_url(aws.queue_url(JOBS));
    change.receipt_handle(&stale).visibility_timeout(0).send().await.unwrap();
    let fresh = receive(&aws, JOBS, 1).await[0].receipt_handle.clone().unwrap();

    for (receipt, left) in [(stale, 1), (fresh, 0)] {
        let delete =
            aws.sqs().delete_message().queue_url(aws.queue_url(JOBS)).receipt_handle(receipt);
        delete.send().await.unwrap();
        assert_eq!(aws.messages(JOBS).len(), left);
    }
}

#[tokio::test(start_paused = true)]
async fn errors_have_the_types_of_the_sdk() {
    let aws = Aws::new();
    let lost =
        aws.sqs().send_message().queue_url(aws.queue_url("other")).message_body("x").send().await;
    assert!(lost.unwrap_err().into_service_error().is_queue_does_not_exist());

    let delete =
        aws.sqs().delete_message().queue_url(aws.queue_url(JOBS)).receipt_handle("nonsense");
    assert!(delete.send().await.unwrap_err().into_service_error().is_receipt_handle_is_invalid());

    send(&aws, "x", "a").await;
    let receipt = receive(&aws, JOBS, 1).await[0].receipt_handle.clone().unwrap();
    sleep(Settings::default().visibility).await;
    let change = aws
        .sqs()
        .change_message_visibility()
        .queue_url(aws.queue_url(JOBS))
        .receipt_handle(receipt);
    let late = change.visibility_timeout(1).send().await.unwrap_err();
    assert!(late.into_service_error().is_message_not_inflight());

    assert!(batch(&aws.sqs(), &aws, 11).await.is_err());
}

async fn batch(sqs: &Client, aws: &Aws, size: usize) -> Result<usize, aws_sdk_sqs::Error> {
    let entry = |nth: usize| {
        SendMessageBatchRequestEntry::builder()
            .id(nth.to_string())
            .message_body("x")
            .build()
            .unwrap()
    };
    let entries = (0..size).map(entry).collect();
    let sent = sqs
        .send_message_batch()
        .queue_url(aws.queue_url(JOBS))
        .set_entries(Some(entries))
        .send()
        .await?;
    Ok(sent.successful.len())
}

#[tokio::test(start_paused = true)]
async fn counts_distinguish_visible_in_flight_and_delayed() {
    let aws = Aws::new();
    assert_eq!(batch(&aws.sqs(), &aws, 3).await.unwrap(), 3);
    receive(&aws, JOBS, 1).await;
    let delayed =
        aws.sqs().send_message().queue_url(aws.queue_url(JOBS)).message_body("x").delay_seconds(9);
    delayed.send().await.unwrap();

    let request = aws.sqs().get_queue_attributes().queue_url(aws.queue_url(JOBS));
    let answer = request.attribute_names(QueueAttributeName::All).send().await.unwrap();
    let count = |name| answer.attributes().unwrap()[&name].as_str();
    assert_eq!(count(QueueAttributeName::ApproximateNumberOfMessages), "2");
    assert_eq!(count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible), "1");
    assert_eq!(count(QueueAttributeName::ApproximateNumberOfMessagesDelayed), "1");
    assert_eq!(aws.ledger().messages("SendMessageBatch"), 3);
}

#[tokio::test(start_paused = true)]
async fn returns_only_requested_attributes() {
    let aws = Aws::new();
    let trace = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("00-1-2-01")
        .build()
        .unwrap();
    let request = aws.sqs().send_message().queue_url(aws.queue_url(JOBS)).message_body("x");
    request
        .message_group_id("a")
        .message_attributes("traceparent", trace.clone())
        .send()
        .await
        .unwrap();

    let request = aws.sqs().receive_message().queue_url(aws.queue_url(JOBS)).visibility_timeout(0);
    let plain = request.clone().send().await.unwrap().messages.unwrap();
    assert!(plain[0].attributes().is_none_or(|attributes| attributes.is_empty()));

    let asked = request
        .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
        .message_attribute_names("traceparent");
    let full = asked.send().await.unwrap().messages.unwrap();
    assert_eq!(full[0].attributes().unwrap()[&MessageSystemAttributeName::MessageGroupId], "a");
    assert_eq!(full[0].message_attributes().unwrap()["traceparent"], trace);
}

#[tokio::test(start_paused = true)]
async fn long_poll_returns_when_a_message_arrives() {
    let aws = Aws::new();
    let began = Instant::now();
    let sender = async {
        sleep(Duration::from_secs(7)).await;
        send(&aws, "x", "a").await;
    };
    let poll =
        aws.sqs().receive_message().queue_url(aws.queue_url(JOBS)).wait_time_seconds(20).send();
    let (polled, ()) = tokio::join!(poll, sender);
    assert_eq!(bodies(polled.unwrap().messages()), ["x"]);
    assert_eq!(began.elapsed(), Duration::from_secs(7));
}
