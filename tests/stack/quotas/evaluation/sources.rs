//! Sources and series that come and go.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use sim::{Stack, TABLE};

use super::{
    define, get_daily, mailed_thresholds, next_check, open_hour_partition, put_open_hour,
    put_open_hour_at,
};
use crate::quotas::DAILY;

/// Usage before the period doesn't count. Usage in the period before the quota was defined does.
#[tokio::test(start_paused = true)]
async fn counts_usage_of_the_current_period() {
    let stack = Stack::new().await;
    put_open_hour(&stack, "-#egress#shop#list", 9000, 300).await;
    put_open_hour(&stack, &format!("{}#egress#shop#list", stack.tenant_account()), 5000, 600).await;
    put_open_hour(&stack, &format!("{}#ingress#shop#list", stack.tenant_account()), 7000, 700)
        .await;
    define(&stack, json!({})).await;
    assert_eq!(get_daily(&stack).await["used"], Value::Null);
    stack.check().await.unwrap();
    assert_eq!(get_daily(&stack).await["used"], 600);
    // A service that first appears later.
    put_open_hour(&stack, &format!("{}#egress#blog#", stack.tenant_account()), 50, 50).await;
    next_check(&stack).await;
    assert_eq!(get_daily(&stack).await["used"], 650);
    define(&stack, json!({"account": null})).await;
    next_check(&stack).await;
    assert_eq!(stack.operator().get(DAILY).await.body["used"], 950);
}

async fn put_source_state(stack: &Stack, source: &str) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = stack.aws.dynamodb().put_item().table_name(TABLE);
    put.item("pk", text("SOURCE_STATES")).item("sk", text(source)).send().await.unwrap();
}

async fn delete_item(stack: &Stack, pk: &str, sk: &str) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let delete = stack.aws.dynamodb().delete_item().table_name(TABLE);
    delete.key("pk", text(pk)).key("sk", text(sk)).send().await.unwrap();
}

/// Deleting a source removes its counters, and the source may be recreated. Neither changes the
/// recorded usage of the quota.
#[tokio::test(start_paused = true)]
async fn deleting_and_recreating_a_source_keeps_usage() {
    let stack = Stack::new().await;
    let series = format!("{}#egress#shop#list", stack.tenant_account());
    let used_after = async |total| {
        put_open_hour(&stack, &series, total, total).await;
        next_check(&stack).await;
        get_daily(&stack).await["used"].as_u64().unwrap()
    };
    put_source_state(&stack, "old").await;
    put_open_hour_at(&stack, "old", &series, 1_000_000, 300).await;
    let other = format!("{}#egress#blog#", stack.tenant_account());
    put_open_hour(&stack, &other, 500_000, 0).await;
    define(&stack, json!({"limit_bytes": 10_000})).await;
    assert_eq!(used_after(100).await, 400);
    delete_item(&stack, "SOURCE_STATES", "old").await;
    assert_eq!(used_after(150).await, 450);
    assert_eq!(used_after(200).await, 500);
    put_open_hour_at(&stack, "old", &series, 1_000_007, 307).await;
    put_source_state(&stack, "old").await;
    assert_eq!(used_after(200).await, 507);
    // The same for a single deleted series.
    delete_item(&stack, &open_hour_partition("-push", &other), &other).await;
    assert_eq!(used_after(200).await, 507);
    assert_eq!(used_after(260).await, 567);
    assert!(mailed_thresholds(&stack).is_empty());
}
