//! The end of a period, and of a quota.

use http::Method;
use serde_json::json;
use sim::Stack;

use super::{MINUTE, define, get_daily, mailed_thresholds, next_check, quota_events, report_total};
use crate::quotas::DAILY;

#[tokio::test(start_paused = true)]
async fn period_end_and_raised_limit_resolve_alerts() {
    let stack = Stack::new().await;
    define(&stack, json!({})).await;
    report_total(&stack, 1000).await;
    stack.check().await.unwrap();
    define(&stack, json!({"limit_bytes": 1200})).await;
    next_check(&stack).await;
    assert_eq!(
        quota_events(&stack).await,
        ["quota.crossed 100", "quota.resolved 100 limit-raised"]
    );
    report_total(&stack, 1200).await;
    next_check(&stack).await;
    assert_eq!(mailed_thresholds(&stack), ["100", "100"]);

    tokio::time::sleep(MINUTE * 60 * 8).await;
    let turned = get_daily(&stack).await;
    assert_eq!(
        (&turned["used"], &turned["alerts"], &turned["period_start"]),
        (&json!(0), &json!([]), &json!("2026-11-21T00:00:00.000Z"))
    );
    next_check(&stack).await;
    assert_eq!(
        quota_events(&stack).await[2..],
        ["quota.crossed 100", "quota.resolved 100 period-ended"]
    );
    report_total(&stack, 1200 + 1000).await;
    next_check(&stack).await;
    assert_eq!(
        (mailed_thresholds(&stack).len(), get_daily(&stack).await["used"].as_u64()),
        (3, Some(1000))
    );
}

/// The next check deletes the state of a deleted quota. A new quota of the same name starts from
/// scratch.
#[tokio::test(start_paused = true)]
async fn deleted_quota_is_resolved_and_its_state_deleted() {
    let stack = Stack::new().await;
    define(&stack, json!({"enforce": true})).await;
    report_total(&stack, 1000).await;
    stack.check().await.unwrap();
    assert_eq!(stack.operator().send(Method::DELETE, DAILY, None).await.status, 204);
    next_check(&stack).await;
    assert_eq!(quota_events(&stack).await, ["quota.crossed 100", "quota.resolved 100 deleted"]);
    assert_eq!(stack.tenant().submit("echo", json!(1)).await.status, 202);
    let left = stack
        .aws
        .items()
        .into_iter()
        .filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("QUOTA"));
    assert_eq!(left.count(), 0);
    define(&stack, json!({})).await;
    next_check(&stack).await;
    assert_eq!(
        (mailed_thresholds(&stack).len(), get_daily(&stack).await["used"].as_u64()),
        (2, Some(1000))
    );
}
