//! The end of a quota's period.

use std::time::Duration;

use http::Method;
use serde_json::json;
use sim::Stack;

use super::{
    DAILY,
    evaluation::{
        MINUTE, define, get_daily, mailed_thresholds, next_check, quota_events, report_total,
        subjects,
    },
    spec,
};

/// Sleeps until `before` midnight.
async fn sleep_until_before_midnight(stack: &Stack, before: Duration) {
    let day = 24 * 3600 * 1000;
    let left = u64::try_from(day - stack.now().millis().rem_euclid(day)).unwrap();
    tokio::time::sleep(Duration::from_millis(left) - before).await;
}

/// Usage after the last check of a period counts for that period only.
#[tokio::test(start_paused = true)]
async fn usage_after_the_last_check_of_a_period_counts() {
    let stack = Stack::new().await;
    define(&stack, json!({"enforce": true})).await;
    report_total(&stack, 790).await;
    sleep_until_before_midnight(&stack, Duration::from_secs(55)).await;
    stack.check().await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    report_total(&stack, 1010).await;
    tokio::time::sleep(Duration::from_secs(28)).await;
    report_total(&stack, 1030).await;
    stack.check().await.unwrap();
    assert_eq!(subjects(&stack), ["[Tollgate] Quota daily: 100 % used, Friday, 20 November 2026"]);
    assert_eq!(
        quota_events(&stack).await,
        ["quota.crossed 100", "quota.resolved 100 period-ended"]
    );
    let quota = get_daily(&stack).await;
    assert_eq!(
        (&quota["used"], &quota["blocked"], &quota["past"]),
        (&json!(20), &json!(false), &json!([]))
    );
    assert_eq!(stack.tenant().submit("echo", json!(1)).await.status, 202);
    report_total(&stack, 1010 + 800).await;
    next_check(&stack).await;
    assert_eq!(
        (mailed_thresholds(&stack).len(), get_daily(&stack).await["used"].as_u64()),
        (2, Some(800))
    );
}

/// A limit lowered for the new day does not apply to the previous one.
#[tokio::test(start_paused = true)]
async fn changes_after_the_period_apply_to_the_next() {
    let stack = Stack::new().await;
    define(&stack, json!({})).await;
    report_total(&stack, 700).await;
    stack.check().await.unwrap();
    sleep_until_before_midnight(&stack, Duration::ZERO).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let lower = spec(&stack, json!({"limit_bytes": 500}));
    assert_eq!(stack.operator().send(Method::PUT, DAILY, Some(lower)).await.status, 200);
    stack.check().await.unwrap();
    assert_eq!(mailed_thresholds(&stack), Vec::<String>::new());
    report_total(&stack, 700 + 450).await;
    next_check(&stack).await;
    assert_eq!(mailed_thresholds(&stack), ["90"]);
}

/// After hours without a check, the check closes the last known period. The current one starts from
/// the total at that time.
#[tokio::test(start_paused = true)]
async fn missed_checks_count_nothing_twice() {
    let stack = Stack::new().await;
    define(&stack, json!({"period": "hour"})).await;
    report_total(&stack, 700).await;
    stack.check().await.unwrap();
    tokio::time::sleep(MINUTE * 50).await;
    report_total(&stack, 850).await;
    tokio::time::sleep(MINUTE * 60).await;
    report_total(&stack, 2850).await;
    tokio::time::sleep(MINUTE * 60).await;
    report_total(&stack, 2860).await;
    stack.check().await.unwrap();
    assert_eq!(get_daily(&stack).await["used"], 10);
    assert_eq!(mailed_thresholds(&stack), ["80"]);
}
