//! Batches and their partial failures.

use super::*;
use crate::{Fault, JOBS, KillSwitch, Killed, Plan, Settings, run_until_killed};
use std::{cell::RefCell, convert::Infallible};

const HOUR: Duration = Duration::from_secs(3_600);

async fn account_with(messages: usize) -> Aws {
    let aws = Aws::with(Settings { visibility: Duration::from_secs(30), ..Settings::default() });
    for nth in 0..messages {
        let request =
            aws.sqs().send_message().queue_url(aws.queue_url(JOBS)).message_body(nth.to_string());
        request.message_group_id("a").send().await.unwrap();
    }
    aws
}

async fn accept(_: SqsEvent) -> Result<SqsBatchResponse, Infallible> {
    Ok(SqsBatchResponse::default())
}

#[tokio::test(start_paused = true)]
async fn deletes_messages_not_reported_as_failed() {
    let aws = account_with(3).await;
    let source = EventSource::new(&aws, JOBS, 10);
    let report_second = async |event: SqsEvent| {
        let mut response = SqsBatchResponse::default();
        response.add_failure(event.records[1].message_id.clone().unwrap());
        Ok::<_, Infallible>(response)
    };
    assert_eq!(source.deliver_once(report_second).await, Delivery::Handled { deleted: 2, kept: 1 });
    assert_eq!(aws.messages(JOBS)[0].body, "1");
    assert_eq!(source.deliver_once(accept).await, Delivery::Nothing);
}

#[tokio::test(start_paused = true)]
async fn failed_message_returns_after_its_visibility_timeout() {
    let aws = account_with(2).await;
    let seen = RefCell::new(Vec::new());
    let retry_first_in_an_hour = async |event: SqsEvent| {
        let mut response = SqsBatchResponse::default();
        for record in event.records {
            seen.borrow_mut().push((record.body.clone().unwrap(), aws.clock().now_ms()));
            if record.body.as_deref() == Some("0")
                && record.attributes["ApproximateReceiveCount"] == "1"
            {
                let change = aws.sqs().change_message_visibility().queue_url(aws.queue_url(JOBS));
                let change =
                    change.set_receipt_handle(record.receipt_handle).visibility_timeout(3_600);
                change.send().await.map_err(|error| error.to_string())?;
                response.add_failure(record.message_id.unwrap());
            }
        }
        Ok::<_, String>(response)
    };
    let start = aws.clock().now_ms();
    let run =
        EventSource::new(&aws, JOBS, 10).run_until_idle(2 * HOUR, retry_first_in_an_hour).await;
    assert!(run.emptied);
    let expected = [("0", start), ("1", start), ("0", start + 3_600_000)];
    assert_eq!(*seen.borrow(), expected.map(|(body, at)| (body.to_owned(), at)));
}

#[tokio::test(start_paused = true)]
async fn batch_of_a_killed_function_is_redelivered() {
    let aws = account_with(2).await;
    let source = EventSource::new(&aws, JOBS, 10);
    let killed = async |_| {
        let dynamodb = aws.dynamodb();
        let work = crate::aws::tests::put(&dynamodb, "1");
        run_until_killed(work, &KillSwitch::after(1))
            .await
            .map(|_| SqsBatchResponse::default())
            .ok_or(Killed)
    };
    let failed = Delivery::Failed { kept: 2, reason: "killed".to_owned() };
    assert_eq!(source.deliver_once(killed).await, failed);
    assert_eq!(aws.items().len(), 1);

    let began = Instant::now();
    let run = source.run_until_idle(HOUR, accept).await;
    assert_eq!(run.deliveries, [Delivery::Handled { deleted: 2, kept: 0 }]);
    assert_eq!(began.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn hanging_function_times_out() {
    let aws = account_with(1).await;
    let source = EventSource::new(&aws, JOBS, 1).function_timeout(Duration::from_secs(5));
    let hang = async |_| std::future::pending::<Result<SqsBatchResponse, Infallible>>().await;
    let began = Instant::now();
    assert_eq!(
        source.deliver_once(hang).await,
        Delivery::Failed { kept: 1, reason: "timed out".to_owned() }
    );
    assert_eq!(began.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn reporting_an_unknown_message_fails_the_batch() {
    let aws = account_with(1).await;
    let name_stranger = async |_| {
        let mut response = SqsBatchResponse::default();
        response.add_failure("no-such-message");
        Ok::<_, Infallible>(response)
    };
    let delivery = EventSource::new(&aws, JOBS, 1).deliver_once(name_stranger).await;
    assert!(matches!(delivery, Delivery::Failed { kept: 1, .. }), "{delivery:?}");
}

#[tokio::test(start_paused = true)]
async fn lost_deletion_causes_a_redelivery() {
    let aws = account_with(1).await;
    aws.inject(Plan::only("DeleteMessageBatch", 1, Fault::Before));
    let run = EventSource::new(&aws, JOBS, 1).run_until_idle(HOUR, accept).await;
    let (kept, deleted) =
        (Delivery::Handled { deleted: 0, kept: 1 }, Delivery::Handled { deleted: 1, kept: 0 });
    assert_eq!((run.deliveries, run.emptied), (vec![kept, deleted], true));
}

/// Two pollers share a queue. The poller that waits for the other's messages stops when they are
/// deleted.
#[tokio::test(start_paused = true)]
async fn concurrent_pollers_stop_when_the_queue_is_empty() {
    let aws = account_with(5).await;
    let source = EventSource::new(&aws, JOBS, 1);
    let slow = async |event| {
        tokio::time::sleep(Duration::from_secs(10)).await;
        accept(event).await
    };
    let began = Instant::now();
    let (one, other) =
        tokio::join!(source.run_until_idle(HOUR, slow), source.run_until_idle(HOUR, slow));
    assert!(one.emptied && other.emptied);
    assert_eq!(one.deliveries.len() + other.deliveries.len(), 5);
    assert_eq!(began.elapsed(), Duration::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn run_ends_after_its_patience() {
    let aws = account_with(1).await;
    aws.inject(Plan::always("ReceiveMessage", Fault::Before));
    let began = Instant::now();
    let run = EventSource::new(&aws, JOBS, 1).run_until_idle(HOUR, accept).await;
    assert_eq!(run, Run::default());
    assert_eq!(began.elapsed(), HOUR);
}
