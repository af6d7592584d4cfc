//! Mails that can't be sent, and who gets them in the end.

use std::time::Duration;

use serde_json::{Value, json};
use sim::{Options, Stack};

use super::used::{MINUTE, daily, define, next_check, sent, subjects};

fn recipients(stack: &Stack) -> Vec<String> {
    stack.aws.outbox().iter().map(|mail| mail["To"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn go_to_each_recipient_for_himself() {
    let stack = Stack::new().await;
    define(&stack, json!({"recipients": ["a@example.com", "b@example.com"]})).await;
    sent(&stack, 900).await;
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

/// One that SES refuses, as its sandbox does, and one that it would not deliver; until somebody sees to it.
#[tokio::test(start_paused = true)]
async fn that_fail_are_seen_and_tried_again_and_keep_nobody_from_his() {
    let stack = Stack::new().await;
    stack.aws.refuse_mails_to("a@example.com", true);
    stack.aws.suppress_mails_to("b@example.com", true);
    define(&stack, json!({"recipients": ["a@example.com", "b@example.com", "c@example.com"]}))
        .await;
    sent(&stack, 900).await;
    stack.check().await.unwrap();
    assert_eq!(recipients(&stack), ["c@example.com"]);
    insta::assert_json_snapshot!("failing", daily(&stack).await["alerts"][1]);
    next_check(&stack).await;
    assert_eq!(daily(&stack).await["alerts"][1]["mails"][0]["tries"], 2);
    assert_eq!(stack.aws.gauges()["Tollgate/sim/MailsFailing"], 2.0);

    stack.aws.refuse_mails_to("a@example.com", false);
    stack.aws.suppress_mails_to("b@example.com", false);
    for _ in 0..5 {
        next_check(&stack).await;
    }
    assert_eq!(recipients(&stack), ["c@example.com", "a@example.com", "b@example.com"]);
    let alert = daily(&stack).await["alerts"][1].clone();
    assert!(!alert["mailed_at"].is_null() && alert["mail_error"].is_null(), "{alert}");
    assert_eq!(stack.aws.gauges()["Tollgate/sim/MailsFailing"], 0.0);
}

/// An outage costs a try an hour, and when it ends within a day after the period, the mail says which one it is about.
#[tokio::test(start_paused = true)]
async fn that_come_after_their_period_say_so() {
    let stack = Stack::new().await;
    stack.aws.refuse_mails_to("ops@example.com", true);
    define(&stack, json!({})).await;
    sent(&stack, 900).await;
    stack.check().await.unwrap();
    stack.aws.reset_ledger();
    for _ in 0..8 * 60 + 30 {
        next_check(&stack).await;
    }
    let tries = stack.aws.reset_ledger().count("SendEmail");
    assert!((12..=15).contains(&tries), "{tries} tries in eight hours and a half");
    let quota = daily(&stack).await;
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
    assert_eq!(daily(&stack).await["past"], json!([]));
}

/// What is over for a day isn't told any more.
#[tokio::test(start_paused = true)]
async fn are_given_up_a_day_after_their_period() {
    let stack = Stack::new().await;
    stack.aws.refuse_mails_to("ops@example.com", true);
    define(&stack, json!({})).await;
    sent(&stack, 900).await;
    stack.check().await.unwrap();
    tokio::time::sleep(MINUTE * 60 * 8).await;
    next_check(&stack).await;
    tokio::time::sleep(MINUTE * (60 * 24 - 10)).await;
    assert_eq!(daily(&stack).await["past"].as_array().unwrap().len(), 1);
    tokio::time::sleep(MINUTE * 10).await;
    assert_eq!(daily(&stack).await["past"], json!([]));
    stack.aws.refuse_mails_to("ops@example.com", false);
    next_check(&stack).await;
    assert_eq!(recipients(&stack), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn are_off_without_a_sender_which_shows() {
    let stack = Stack::with(Options { sender: None, ..Options::default() }).await;
    define(&stack, json!({})).await;
    sent(&stack, 900).await;
    stack.check().await.unwrap();
    let alert = daily(&stack).await["alerts"][1].clone();
    assert_eq!(
        alert["mail_error"],
        "ops@example.com: mails are off: the stack has no SenderAddress"
    );
    assert_eq!((stack.aws.outbox().len(), &alert["mailed_at"]), (0, &Value::Null));
}

/// Who is put in the place of an address that doesn't work gets the mail.
#[tokio::test(start_paused = true)]
async fn follow_a_recipient_that_was_mistaken() {
    let stack = Stack::new().await;
    stack.aws.refuse_mails_to("typo@example.com", true);
    define(&stack, json!({"recipients": ["typo@example.com"]})).await;
    sent(&stack, 900).await;
    stack.check().await.unwrap();
    define(&stack, json!({"recipients": ["right@example.com"]})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    stack.check().await.unwrap();
    assert_eq!(recipients(&stack), ["right@example.com"]);
}
