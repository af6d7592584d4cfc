//! Alert mails that fail, and their retries.

use std::time::Duration;

use serde_json::{Value, json};
use sim::{Options, Stack};

use super::evaluation::{MINUTE, define, get_daily, next_check, report_total, subjects};

fn recipients(stack: &Stack) -> Vec<String> {
    stack.aws.outbox().iter().map(|mail| mail["To"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn mails_go_to_each_recipient_separately() {
    let stack = Stack::new().await;
    define(&stack, json!({"recipients": ["a@example.com", "b@example.com"]})).await;
    report_total(&stack, 900).await;
    stack.check().await.unwrap();
    assert_eq!(recipients(&stack), ["a@example.com", "b@example.com"]);
    let mail = &stack.aws.outbox()[0];
    assert_eq!(
        (&mail["From"], &mail["Subject"]),
        (&json!("Tollgate <tollgate@example.com>"), &json!("[Tollgate] Quota daily: 90 % used"))
    );
    assert!(mail["Text"].as_str().unwrap().contains("900 bytes of 1 kB"));
    assert!(mail["Html"].as_str().unwrap().starts_with("<!doctype html>"));
}

/// SES refuses one recipient, as in its sandbox, and suppresses another, until both are fixed.
#[tokio::test(start_paused = true)]
async fn failed_mails_are_shown_and_retried_without_holding_up_others() {
    let stack = Stack::new().await;
    stack.aws.refuse_mails_to("a@example.com", true);
    stack.aws.suppress_mails_to("b@example.com", true);
    define(&stack, json!({"recipients": ["a@example.com", "b@example.com", "c@example.com"]}))
        .await;
    report_total(&stack, 900).await;
    stack.check().await.unwrap();
    assert_eq!(recipients(&stack), ["c@example.com"]);
    insta::assert_json_snapshot!("failing", get_daily(&stack).await["alerts"][1]);
    next_check(&stack).await;
    assert_eq!(get_daily(&stack).await["alerts"][1]["mails"][0]["tries"], 2);
    assert_eq!(stack.aws.gauges()["Tollgate/sim/MailsFailing"], 2.0);

    stack.aws.refuse_mails_to("a@example.com", false);
    stack.aws.suppress_mails_to("b@example.com", false);
    for _ in 0..5 {
        next_check(&stack).await;
    }
    assert_eq!(recipients(&stack), ["c@example.com", "a@example.com", "b@example.com"]);
    let alert = get_daily(&stack).await["alerts"][1].clone();
    assert!(!alert["mailed_at"].is_null() && alert["mail_error"].is_null(), "{alert}");
    assert_eq!(stack.aws.gauges()["Tollgate/sim/MailsFailing"], 0.0);
}

/// A failing mail is retried about once an hour. A mail sent within a day after the period states
/// which period it is about.
#[tokio::test(start_paused = true)]
async fn late_mails_name_their_period() {
    let stack = Stack::new().await;
    stack.aws.refuse_mails_to("ops@example.com", true);
    define(&stack, json!({})).await;
    report_total(&stack, 900).await;
    stack.check().await.unwrap();
    stack.aws.reset_ledger();
    for _ in 0..8 * 60 + 30 {
        next_check(&stack).await;
    }
    let tries = stack.aws.reset_ledger().count("SendEmail");
    assert!((12..=15).contains(&tries), "{tries} tries in eight hours and a half");
    let quota = get_daily(&stack).await;
    let past = &quota["past"][0];
    assert_eq!(
        (&quota["used"], &past["period_end"], &past["used"]),
        (&json!(0), &json!("2026-11-21T00:00:00.000Z"), &json!(900))
    );
    assert!(
        !past["alerts"][1]["mail_error"].is_null() && past["alerts"][1]["mailed_at"].is_null(),
        "{quota}"
    );
    let own = stack.tenant().get("/v1/quotas/daily").await.body;
    assert!(own["past"][0]["alerts"][1].get("mails").is_none(), "{own}");

    stack.aws.refuse_mails_to("ops@example.com", false);
    for _ in 0..60 {
        next_check(&stack).await;
    }
    assert_eq!(subjects(&stack), ["[Tollgate] Quota daily: 90 % used, Friday, 20 November 2026"]);
    assert!(stack.aws.outbox()[0]["Text"].as_str().unwrap().contains("90 % of it was used"));
    assert_eq!(get_daily(&stack).await["past"], json!([]));
}

/// Mails are given up 24 hours after the end of their period.
#[tokio::test(start_paused = true)]
async fn mails_are_given_up_a_day_after_the_period() {
    let stack = Stack::new().await;
    stack.aws.refuse_mails_to("ops@example.com", true);
    define(&stack, json!({})).await;
    report_total(&stack, 900).await;
    stack.check().await.unwrap();
    tokio::time::sleep(MINUTE * 60 * 8).await;
    next_check(&stack).await;
    tokio::time::sleep(MINUTE * (60 * 24 - 10)).await;
    assert_eq!(get_daily(&stack).await["past"].as_array().unwrap().len(), 1);
    tokio::time::sleep(MINUTE * 10).await;
    assert_eq!(get_daily(&stack).await["past"], json!([]));
    stack.aws.refuse_mails_to("ops@example.com", false);
    next_check(&stack).await;
    assert_eq!(recipients(&stack), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn missing_sender_address_is_shown_as_mail_error() {
    let stack = Stack::with(Options { sender: None, ..Options::default() }).await;
    define(&stack, json!({})).await;
    report_total(&stack, 900).await;
    stack.check().await.unwrap();
    let alert = get_daily(&stack).await["alerts"][1].clone();
    assert_eq!(
        alert["mail_error"],
        "ops@example.com: mail is disabled: the stack has no SenderAddress"
    );
    assert_eq!((stack.aws.outbox().len(), &alert["mailed_at"]), (0, &Value::Null));
}

/// If the operator replaces a recipient, the new one gets the pending mail.
#[tokio::test(start_paused = true)]
async fn corrected_recipient_gets_the_pending_mail() {
    let stack = Stack::new().await;
    stack.aws.refuse_mails_to("typo@example.com", true);
    define(&stack, json!({"recipients": ["typo@example.com"]})).await;
    report_total(&stack, 900).await;
    stack.check().await.unwrap();
    define(&stack, json!({"recipients": ["right@example.com"]})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stack.check().await.unwrap();
    assert_eq!(recipients(&stack), ["right@example.com"]);
}
