//! Usage of quotas, as the scheduled check evaluates it.

mod periods;
mod sources;

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use http::Method;
use serde_json::{Value, json};
use sim::{ApiResponse, Stack, TABLE};
use store::{Table, UsageStore};

use super::{DAILY, spec};

pub const MINUTE: Duration = Duration::from_secs(60);

/// Has a service of the tenant report egress up to a cumulative total; the difference to the
/// previous total counts now.
pub async fn report_total(stack: &Stack, total: u64) {
    let heads =
        UsageStore::new(Table::new(stack.aws.dynamodb(), TABLE)).open_hours().await.unwrap();
    let before: u64 = heads.iter().map(|head| head.total).sum();
    let data =
        json!({"service": "shop", "route": "list", "type": "egress", "bytes": total - before});
    let event = json!({
        "specversion": "1.0", "type": "tollgate.bandwidth", "source": "/shop",
        "id": total.to_string(), "data": data,
    });
    let answer = stack.tenant().send(Method::POST, "/v1/usage", Some(event)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
}

/// Writes the open hour of a pushed series: its total, and its bytes in the current hour.
pub async fn put_open_hour(stack: &Stack, series: &str, total: u64, in_this_hour: u64) {
    put_open_hour_at(stack, "-push", series, total, in_this_hour).await;
}

/// The same for another origin.
pub async fn put_open_hour_at(
    stack: &Stack,
    origin: &str,
    series: &str,
    total: u64,
    in_this_hour: u64,
) {
    let number = |number: u64| AttributeValue::N(number.to_string());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let hour: String = stack.now().to_string().chars().take(13).collect();
    let minute = format!("m{}", &stack.now().to_string()[14..16]);
    let put = stack.aws.dynamodb().put_item().table_name(TABLE);
    let put = put.item("pk", text(&open_hour_partition(origin, series))).item("sk", text(series));
    let put = put.item("counted", number(total));
    put.item("in_hour", text(&hour)).item(minute, number(in_this_hour)).send().await.unwrap();
}

/// Partition of a series' open hour. Pushed series are sharded by account.
fn open_hour_partition(origin: &str, series: &str) -> String {
    let account = series.split('#').next().unwrap_or_default();
    match (origin, account.bytes().last()) {
        ("-push", Some(last)) => format!("SERIES#-push#{}", last % 8),
        _ => format!("SERIES#{origin}"),
    }
}

/// Defines a quota of 1,000 bytes a day of the tenant's egress, overridden by `others`.
pub async fn define(stack: &Stack, others: Value) -> ApiResponse {
    let answer = stack.operator().send(Method::PUT, DAILY, Some(spec(stack, others))).await;
    assert!([200, 201].contains(&answer.status), "{answer:?}");
    answer
}

/// The quota as the operator sees it.
pub async fn get_daily(stack: &Stack) -> Value {
    let answer = stack.operator().get(DAILY).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// Waits a minute and runs the check.
pub async fn next_check(stack: &Stack) {
    tokio::time::sleep(MINUTE).await;
    stack.check().await.unwrap();
}

/// Thresholds named in the mails, in order.
pub fn mailed_thresholds(stack: &Stack) -> Vec<String> {
    let percent = |subject: String| {
        subject.rsplit(": ").next().unwrap().split(' ').next().unwrap().to_owned()
    };
    subjects(stack).into_iter().map(percent).collect()
}

pub fn subjects(stack: &Stack) -> Vec<String> {
    stack.aws.outbox().iter().map(|mail| mail["Subject"].as_str().unwrap().to_owned()).collect()
}

/// Type, threshold and reason of each quota event, in order.
pub async fn quota_events(stack: &Stack) -> Vec<String> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    let events = stack.tenant().get("/v1/events?limit=100").await;
    let events = events.body["items"].as_array().unwrap().iter();
    let quotas = events.filter(|event| event["type"].as_str().unwrap().starts_with("quota."));
    quotas
        .map(|event| {
            let reason = event["data"]["reason"]
                .as_str()
                .map(|reason| format!(" {reason}"))
                .unwrap_or_default();
            format!("{} {}{reason}", event["type"].as_str().unwrap(), event["data"]["threshold"])
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn each_threshold_is_reported_once() {
    let stack = Stack::new().await;
    define(&stack, json!({})).await;
    let mut seen = Vec::new();
    for total in [700, 799, 800, 800, 950, 950, 1010, 1900] {
        report_total(&stack, total).await;
        next_check(&stack).await;
        let quota = get_daily(&stack).await;
        seen.push(format!(
            "{} bytes, {} %: {}",
            quota["used"],
            quota["percent"],
            mailed_thresholds(&stack).join(" ")
        ));
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    700 bytes, 70.0 %: 
    799 bytes, 79.9 %: 
    800 bytes, 80.0 %: 80
    800 bytes, 80.0 %: 80
    950 bytes, 95.0 %: 80 90
    950 bytes, 95.0 %: 80 90
    1010 bytes, 101.0 %: 80 90 100
    1900 bytes, 190.0 %: 80 90 100
    ");
    assert_eq!(
        quota_events(&stack).await,
        ["quota.crossed 80", "quota.crossed 90", "quota.crossed 100"]
    );
    insta::assert_json_snapshot!("evaluated_quota", get_daily(&stack).await, {
        ".account" => "[account]", ".alerts[].crossed_at" => "[time]",
        ".alerts[].mailed_at" => "[time]", ".alerts[].mails[].sent_at" => "[time]",
        ".projected" => "[bytes]",
    });
}

#[tokio::test(start_paused = true)]
async fn only_the_highest_of_several_thresholds_is_reported() {
    let stack = Stack::new().await;
    define(&stack, json!({})).await;
    report_total(&stack, 950).await;
    stack.check().await.unwrap();
    report_total(&stack, 1000).await;
    next_check(&stack).await;
    assert_eq!(mailed_thresholds(&stack), ["90", "100"]);
    let alerts = get_daily(&stack).await["alerts"].clone();
    assert_eq!((&alerts[0]["passed_over"], &alerts[0]["mailed_at"]), (&json!(true), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn gauges_report_utilization() {
    let stack = Stack::new().await;
    stack.check().await.unwrap();
    assert!(stack.aws.gauges().is_empty(), "no gauges without quotas, sources or messages");
    define(&stack, json!({})).await;
    report_total(&stack, 955).await;
    stack.tenant().submit("echo", json!(1)).await;
    stack.check().await.unwrap();
    insta::assert_debug_snapshot!(stack.aws.gauges(), @r#"
    {
        "Tollgate/sim/MailsFailing": 0.0,
        "Tollgate/sim/QueueDepth": 1.0,
        "Tollgate/sim/QuotaUtilization Quota=daily": 95.5,
        "Tollgate/sim/SourcesDown": 0.0,
    }
    "#);
}
