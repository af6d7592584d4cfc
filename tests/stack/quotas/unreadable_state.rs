//! A quota state that cannot be parsed, such as one written by a later release.

use aws_sdk_dynamodb::types::AttributeValue;
use http::Method;
use serde_json::json;
use sim::{Stack, TABLE};

use super::{
    evaluation::{define, mailed_thresholds, quota_events, report_total},
    spec,
};

/// It fails only its own quota, is reported, and is not overwritten.
#[tokio::test(start_paused = true)]
async fn unreadable_state_does_not_affect_other_quotas() {
    let stack = Stack::new().await;
    define(&stack, json!({})).await;
    let body = spec(&stack, json!({"recipients": ["others@example.com"]}));
    assert_eq!(
        stack.operator().send(Method::PUT, "/v1/quotas/other", Some(body)).await.status,
        201
    );
    for name in ["other", "gone"] {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let put =
            stack.aws.dynamodb().put_item().table_name(TABLE).item("pk", text("QUOTA_STATES"));
        let put = put.item("sk", text(name)).item("revision", text("1"));
        put.item("standing", text(r#"{"of":"a later version"}"#)).send().await.unwrap();
    }
    let unreadable = || {
        let items = stack.aws.items().into_iter().filter(|item| item["pk"]["S"] == "QUOTA_STATES");
        items.filter(|item| item["revision"]["S"] == "1").count()
    };

    report_total(&stack, 900).await;
    let failed = stack.check().await.unwrap_err().to_string();
    assert!(failed.contains("2 quotas failed"), "{failed}");
    assert_eq!(
        (mailed_thresholds(&stack), quota_events(&stack).await),
        (vec!["90".to_owned()], vec!["quota.crossed 90".to_owned()])
    );
    assert_eq!(stack.aws.outbox()[0]["To"], "ops@example.com");
    assert_eq!(unreadable(), 2);
}
