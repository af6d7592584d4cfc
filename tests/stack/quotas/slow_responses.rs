//! Slow responses of SES and of sources.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use sim::{Fault, Plan, Stack};

use super::{
    evaluation::{
        MINUTE, define, get_daily, mailed_thresholds, next_check, quota_events, report_total,
    },
    spec,
};

/// A run of the check has to end within this time.
const RUN_LIMIT: Duration = Duration::from_secs(50);

/// Leases currently held on quotas.
fn leases(stack: &Stack) -> Vec<Value> {
    let items = stack.aws.items().into_iter();
    let states = items.filter(|item| item["pk"]["S"] == "QUOTA_STATES");
    states.map(|item| item["leased_until"].clone()).filter(|lease| !lease.is_null()).collect()
}

/// Defines `number` enforced quotas, all exhausted by the tenant's first 1,000 bytes.
async fn define_many(stack: &Stack, number: usize) {
    for n in 0..number {
        let (path, body) = (format!("/v1/quotas/q{n}"), spec(stack, json!({"enforce": true})));
        assert_eq!(stack.operator().send(Method::PUT, &path, Some(body)).await.status, 201);
    }
}

/// A mail that SES accepts after 6 s is not sent again.
#[tokio::test(start_paused = true)]
async fn mail_with_a_late_response_is_sent_once() {
    let stack = Stack::new().await;
    define(&stack, json!({})).await;
    report_total(&stack, 900).await;
    stack.aws.inject(Plan::always("SendEmail", Fault::Slow(Duration::from_secs(6))));
    stack.check().await.unwrap();
    stack.aws.heal();
    next_check(&stack).await;
    assert_eq!(mailed_thresholds(&stack), ["90"]);
    assert!(!get_daily(&stack).await["alerts"][1]["mailed_at"].is_null());
}

/// SES accepts mails without ever responding. Without a limit, each would be sent again for hours.
#[tokio::test(start_paused = true)]
async fn mail_without_a_response_is_sent_twice_and_reported() {
    let stack = Stack::new().await;
    define(&stack, json!({})).await;
    report_total(&stack, 900).await;
    stack.aws.inject(Plan::always("SendEmail", Fault::Slow(MINUTE)));
    for _ in 0..10 {
        next_check(&stack).await;
    }
    assert_eq!(mailed_thresholds(&stack), ["90", "90"]);
    let mail = get_daily(&stack).await["alerts"][1]["mails"][0].clone();
    assert_eq!(
        (&mail["sent_at"], &mail["next_try_at"], &mail["tries"]),
        (&Value::Null, &Value::Null, &json!(2))
    );
    assert_eq!(mail["error"], "no response from SES within 8 s; the mail may have been sent");
    assert_eq!(stack.aws.gauges()["Tollgate/sim/MailsFailing"], 1.0);
}

/// Blocks, events and gauges do not wait for mails. Mails that do not fit into a run are sent by
/// the next ones.
#[tokio::test(start_paused = true)]
async fn slow_mails_delay_nothing_else_and_end_in_time() {
    const QUOTAS: usize = 60;
    let stack = Stack::new().await;
    define_many(&stack, QUOTAS).await;
    report_total(&stack, 1000).await;
    stack.aws.inject(Plan::always("SendEmail", Fault::Slow(Duration::from_secs(7))));
    let begun = tokio::time::Instant::now();
    let checker = stack.checker();
    let watch = async {
        tokio::time::sleep(Duration::from_secs(6)).await;
        assert_eq!(stack.tenant().submit("echo", json!(1)).await.status, 429);
        assert_eq!(quota_events(&stack).await.len(), QUOTAS);
        assert_eq!(stack.aws.gauges()["Tollgate/sim/QuotaUtilization Quota=q7"], 100.0);
        assert!(mailed_thresholds(&stack).len() < QUOTAS);
    };
    let (outcome, ()) = tokio::join!(checker.check("slow", stack.now()), watch);
    outcome.unwrap();
    assert!(begun.elapsed() < RUN_LIMIT, "{:?}", begun.elapsed());
    let sent_first = mailed_thresholds(&stack).len();
    assert!((30..QUOTAS).contains(&sent_first), "{sent_first}");
    assert_eq!(leases(&stack), Vec::<Value>::new());
    next_check(&stack).await;
    stack.aws.heal();
    assert_eq!(mailed_thresholds(&stack).len(), QUOTAS);
    next_check(&stack).await;
    assert_eq!(mailed_thresholds(&stack).len(), QUOTAS);
}

/// An address that accepts connections and never responds.
async fn unresponsive_server() -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    (listener, url)
}

/// A source that does not respond does not delay blocks that follow from other usage.
#[tokio::test(start_paused = true)]
async fn slow_source_delays_no_block() {
    let stack = Stack::new().await;
    let (_listener, url) = unresponsive_server().await;
    let source = json!({"type": "prometheus", "url": url, "preset": "kong2"});
    assert_eq!(
        stack.operator().send(Method::PUT, "/v1/sources/slow", Some(source)).await.status,
        201
    );
    define(&stack, json!({"enforce": true})).await;
    report_total(&stack, 1000).await;
    let begun = tokio::time::Instant::now();
    let checker = stack.checker();
    let watch = async {
        tokio::time::sleep(Duration::from_secs(7)).await;
        assert_eq!(stack.tenant().submit("echo", json!(1)).await.status, 429);
    };
    let (outcome, ()) = tokio::join!(checker.check("slow", stack.now()), watch);
    outcome.unwrap();
    assert!(
        begun.elapsed() >= Duration::from_secs(15),
        "the source was slow: {:?}",
        begun.elapsed()
    );
    let said = stack.operator().get("/v1/sources/slow").await.body;
    assert_eq!(said["last_error"], "no complete response within 15 s");
    assert_eq!(
        (mailed_thresholds(&stack), quota_events(&stack).await),
        (vec!["100".to_owned()], vec!["quota.crossed 100".to_owned()])
    );
    assert_eq!(leases(&stack), Vec::<Value>::new());
}
