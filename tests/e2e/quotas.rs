//! Quotas up to the mails in the emulator's outbox.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use axum::{Router, routing::get};
use futures::{StreamExt, TryStreamExt, stream};
use model::{name::Name, quota::QuotaSpec};
use reqwest::Method;
use runtime::{clock::Clock, telemetry::Metrics};
use serde_json::{Value, json};
use store::{QuotaStore, Table};
use tokio::net::TcpListener;

use crate::stack::{Stack, stack};

/// A separate account, because it gets blocked. Returns its id and a key.
async fn account(stack: &Stack) -> (String, String) {
    let account =
        stack.operate(Method::POST, "/v1/accounts", Some(json!({"name": "quotas"}))).await.id();
    let body = json!({"name": "quotas", "scopes": ["jobs:write", "usage:read"]});
    let key =
        stack.operate(Method::POST, &format!("/v1/accounts/{account}/keys"), Some(body)).await;
    (account, key.body["secret"].as_str().unwrap().to_owned())
}

/// A series' item with a total, as its source writes it.
fn series_item(series: String, total: u64) -> WriteRequest {
    let now = Clock::system().now().to_string();
    let (text, number) =
        (|text: &str| AttributeValue::S(text.to_owned()), AttributeValue::N(total.to_string()));
    let shard = series.split('#').next().and_then(|account| account.bytes().last()).unwrap() % 8;
    let put = PutRequest::builder().item("pk", text(&format!("SERIES#-push#{shard}")));
    let put = put.item("sk", text(&series));
    let put = put.item("counted", number.clone()).item("in_hour", text(&now[..13]));
    WriteRequest::builder()
        .put_request(put.item(format!("m{}", &now[14..16]), number).build().unwrap())
        .build()
}

async fn report(stack: &Stack, heads: Vec<WriteRequest>) {
    let dynamodb = stack.aws().dynamodb();
    for some in heads.chunks(25) {
        let call = dynamodb.batch_write_item().request_items(&stack.table, some.to_vec());
        call.send().await.unwrap();
    }
}

/// An additional minute tick.
async fn check(stack: &Stack) {
    let path = format!("/2015-03-31/functions/{}/invocations", stack.function("quota-check"));
    let answer = stack.emulator(Method::POST, &path, Some(json!({}))).await;
    assert_eq!(answer.get("errorMessage"), None, "{answer}");
}

/// Subjects of the mails about a quota, in order.
async fn subjects(stack: &Stack, quota: &str) -> Vec<String> {
    let outbox = stack.emulator(Method::GET, "/_ministack/ses/messages", None).await;
    let mut found = Vec::new();
    collect(&outbox, &mut found);
    found.retain(|subject| subject.contains(quota));
    found
}

/// Independent of how the emulator groups them.
fn collect(value: &Value, subjects: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, subjects)),
        Value::Object(members) => match members.get("Subject") {
            Some(subject) => subjects.push(subject.as_str().unwrap().to_owned()),
            None => members.values().for_each(|item| collect(item, subjects)),
        },
        _ => {}
    }
}

/// Two concurrent ticks after each step, in addition to the stack's own.
#[tokio::test]
async fn mails_each_threshold_once_and_enforces_the_quota() {
    let stack = stack();
    let (account, key) = account(stack).await;
    let name = format!("e2e-{:x}", rand::random::<u64>());
    let path = format!("/v1/quotas/{name}");
    let spec = |limit: u64| {
        json!({
            "limit_bytes": limit, "type": "egress", "service": "shop", "account": account,
            "period": "month", "recipients": ["ops@example.com"], "enforce": true,
        })
    };
    assert_eq!(stack.operate(Method::PUT, &path, Some(spec(1000))).await.status, 201);
    for total in [700, 799, 800, 950, 1010] {
        report(stack, vec![series_item(format!("{account}#egress#shop#list"), total)]).await;
        tokio::join!(check(stack), check(stack));
    }
    let told = subjects(stack, &name).await;
    let wanted =
        ["80", "90", "100"].map(|percent| format!("[Tollgate] Quota {name}: {percent} % used"));
    assert_eq!(told, wanted);
    let quota = stack.send_as(&key, Method::GET, &path, &[], None).await.body;
    assert_eq!(
        (&quota["used"], &quota["percent"], &quota["blocked"]),
        (&json!(1010), &json!(101.0), &json!(true))
    );
    assert!(
        quota["alerts"].as_array().unwrap().iter().all(|alert| !alert["mailed_at"].is_null()),
        "{quota}"
    );

    let submit = || {
        stack.send_as(
            &key,
            Method::POST,
            "/v1/jobs",
            &[],
            Some(json!({"kind": "echo", "payload": 1})),
        )
    };
    let refused = until(429, submit).await;
    assert!(
        refused.headers["ratelimit-policy"]
            .to_str()
            .unwrap()
            .contains("q=1000;qu=\"content-bytes\"")
    );
    assert_eq!(stack.operate(Method::PUT, &path, Some(spec(2000))).await.status, 200);
    check(stack).await;
    until(202, submit).await;
    assert_eq!(stack.operate(Method::DELETE, &path, None).await.status, 204);
}

/// Repeats a request until it has this status: functions cache accounts for some seconds.
async fn until<F: Future<Output = crate::stack::ApiResponse>>(
    status: u16,
    ask: impl Fn() -> F,
) -> crate::stack::ApiResponse {
    let begun = Instant::now();
    loop {
        let answer = ask().await;
        if answer.status == status {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Serves a page of a thousand series in fifty services. Each series grows by a hundred bytes per
/// scrape.
async fn serve_thousand_series() -> String {
    static SCRAPES: AtomicU64 = AtomicU64::new(0);
    let page = async || {
        let looks = SCRAPES.fetch_add(1, Ordering::Relaxed);
        let line = |n: u64| {
            let (service, route) = (n % 50, n / 50);
            format!(
                "kong_bandwidth{{type=\"egress\",service=\"s{service}\",route=\"r{route}\"}} {}\n",
                looks * 100
            )
        };
        (0..1000).map(line).collect::<String>()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    tokio::spawn(
        async move { axum::serve(listener, Router::new().route("/metrics", get(page))).await },
    );
    url
}

/// A thousand series and two hundred quotas, all of which change, are processed in one tick, in
/// addition to the stack's own.
#[tokio::test]
async fn tick_with_many_series_and_quotas_takes_seconds() {
    let stack = stack();
    let (account, _) = account(stack).await;
    let source = format!("/v1/sources/e2e-quotas-{:x}", rand::random::<u64>());
    let spec = json!({
        "type": "prometheus",
        "url": serve_thousand_series().await,
        "preset": "kong2",
        "account": account,
    });
    let store = QuotaStore::new(Table::new(stack.aws().dynamodb(), &stack.table));
    let names: Vec<Name> =
        (0..200).map(|n| format!("many-{account}-{n}").parse().unwrap()).collect();
    let put = |(n, name)| {
        let period = ["hour", "day", "month", "month"][n / 50];
        let spec = json!({
            "limit_bytes": 1_000_000_000,
            "type": "egress",
            "service": format!("s{}", n % 50),
            "account": account,
            "period": period,
            "recipients": ["ops@example.com"],
        });
        let (store, spec) = (&store, serde_json::from_value::<QuotaSpec>(spec).unwrap());
        async move {
            let put = store.put(name, &spec, "1", Clock::system().now()).await;
            put.map(|(quota, _)| quota)
        }
    };
    let quotas = stream::iter(names.iter().enumerate()).map(put).buffer_unordered(8);
    let quotas: Vec<_> = quotas.try_collect().await.unwrap();
    assert_eq!(stack.operate(Method::PUT, &source, Some(spec)).await.status, 201);

    // Counts what this tick collected: the stack's own tick may be faster in some minutes.
    let collected = Arc::new(AtomicU64::new(0));
    let told = collected.clone();
    let metrics = Metrics::new(move |line| {
        let line: Value = serde_json::from_str(&line).unwrap();
        told.fetch_max(
            line["SeriesCollected"].as_f64().unwrap_or_default() as u64,
            Ordering::Relaxed,
        );
    });
    let checker = stack.checker(metrics);
    let mut took = Vec::new();
    while took.len() < 3 {
        collected.store(0, Ordering::Relaxed);
        let begun = Instant::now();
        checker.check("e2e", Clock::system().now()).await.unwrap();
        if collected.load(Ordering::Relaxed) >= 1000 {
            took.push(begun.elapsed());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    println!("1,000 series collected and 200 quotas evaluated, all changed: {took:?}");
    let mut used = Vec::new();
    for some in names.chunks(100) {
        let known = store.states_of(some).await.unwrap();
        used.extend(known.into_iter().map(|known| known.state.current.used));
    }
    assert_eq!(used.len(), 200);
    // Twenty series per service, each growing by a hundred bytes per scrape. A new hour may have
    // begun in between.
    assert!(
        used.iter().all(|used| used % 2000 == 0)
            && used.iter().filter(|used| **used >= 4000).count() >= 150,
        "{used:?}"
    );
    assert!(took.iter().all(|took| *took < Duration::from_secs(10)), "{took:?}");
    assert_eq!(stack.operate(Method::DELETE, &source, None).await.status, 204);
    for quota in quotas {
        store.delete(&quota).await.unwrap();
    }
}
