//! Faults as the SDK experiences them.

use super::*;
use crate::faults::Fault;
use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::put_item::{PutItemError, PutItemOutput},
    types::AttributeValue,
};
use tokio::time::Instant;

/// Puts an item with `pk` "a", unless it exists.
pub(crate) async fn put(
    dynamodb: &Client,
    sk: &str,
) -> Result<PutItemOutput, SdkError<PutItemError>> {
    dynamodb
        .put_item()
        .table_name(TABLE)
        .item("pk", AttributeValue::S("a".to_owned()))
        .item("sk", AttributeValue::S(sk.to_owned()))
        .condition_expression("attribute_not_exists(pk)")
        .send()
        .await
}

fn exists_already(outcome: Result<PutItemOutput, SdkError<PutItemError>>) -> bool {
    outcome.is_err_and(|error| error.into_service_error().is_conditional_check_failed_exception())
}

#[tokio::test(start_paused = true)]
async fn lost_response_makes_the_retry_fail_its_condition() {
    let aws = Aws::new();
    aws.inject(Plan::only("PutItem", 1, Fault::After));
    assert!(exists_already(put(&aws.dynamodb(), "1").await));
    assert_eq!((aws.items().len(), aws.ledger().count("PutItem"), aws.heal()), (1, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn duplicated_request_gets_the_second_response() {
    let aws = Aws::new();
    aws.inject(Plan::only("PutItem", 1, Fault::Twice));
    assert!(exists_already(put(&aws.dynamodb(), "1").await));
}

#[tokio::test(start_paused = true)]
async fn retries_lost_and_throttled_requests() {
    let aws = Aws::new();
    aws.inject(
        Plan::only("PutItem", 1, Fault::Before)
            .or(Plan::only("PutItem", 2, Fault::Throttle))
            .or(Plan::only("SendMessage", 1, Fault::Throttle)),
    );
    put(&aws.dynamodb(), "1").await.unwrap();
    aws.sqs().send_message().queue_url(aws.queue_url(JOBS)).message_body("x").send().await.unwrap();
    assert_eq!(aws.heal(), 3);
    insta::assert_snapshot!(aws.ledger(), @"
    operation    calls  messages  read  write
    PutItem          1         0     0      1
    SendMessage      1         1     0      0
    total            2         1     0      1
    ");
}

#[tokio::test(start_paused = true)]
async fn delays_advance_only_the_paused_clock() {
    let aws = Aws::new();
    aws.inject(Plan::always("PutItem", Fault::Delay(Duration::from_secs(3_600))));
    let (began, really_began) = (Instant::now(), std::time::Instant::now());
    put(&aws.dynamodb(), "1").await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(3_600));
    assert!(really_began.elapsed() < Duration::from_secs(60));
}

/// The retry quota pays for a hundred retries at most. 200 failing calls exhaust it.
#[tokio::test(start_paused = true)]
async fn processes_have_separate_retry_quotas() {
    let aws = Aws::new();
    aws.inject(Plan::always("PutItem", Fault::Before));
    let attempts = async |client: &Client| {
        let doomed = crate::KillSwitch::never();
        let _ = crate::run_until_killed(put(client, "1"), &doomed).await;
        doomed.calls()
    };
    let drained = aws.dynamodb();
    for _ in 0..200 {
        attempts(&drained).await;
    }
    assert_eq!(attempts(&drained).await, 1);
    assert_eq!(attempts(&aws.dynamodb()).await, 3);
}

#[tokio::test(start_paused = true)]
async fn seed_reproduces_a_run_to_the_millisecond() {
    async fn run(seed: u64) -> (String, i64) {
        let aws = Aws::new();
        aws.inject(Plan::seeded(crate::Seed(seed), 40));
        let dynamodb = aws.dynamodb();
        for nth in 0..50 {
            let _ = put(&dynamodb, &nth.to_string()).await;
        }
        (aws.ledger().to_string(), aws.clock().now_ms())
    }
    let first = run(42).await;
    assert_eq!(first, run(42).await);
    assert_ne!(first, run(43).await);
}
