//! Usage in the running stack: collected by its minute tick, reported, and charted.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use live_stack::{Stack, stack};
use model::usage::Origin;
use reqwest::Method;
use runtime::{clock::Clock, telemetry::Metrics};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A little more than three ticks.
const COLLECTION_TIMEOUT: Duration = Duration::from_secs(240);
/// A page of Kong 3.
const PAGE: &str = include_str!("../stack/usage/pages/kong3.txt");

/// Serves a page on which the route `checkout.v1` grows with each scrape.
async fn gateway() -> String {
    static SCRAPES: AtomicU64 = AtomicU64::new(0);
    let page = async || {
        let looks = SCRAPES.fetch_add(1, Ordering::Relaxed);
        PAGE.replace(
            "consumer=\"alice\"} 7000",
            &format!("consumer=\"alice\"}} {}", 7000 + 500 * looks),
        )
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    tokio::spawn(
        async move { axum::serve(listener, Router::new().route("/metrics", get(page))).await },
    );
    url
}

/// Sum of a service's chart.
async fn charted_bytes(stack: &Stack, service: &str) -> u64 {
    let path =
        format!("/metrics/bandwidth_used?type=egress&service={service}&lookback_duration=10m");
    let points = stack.send(Method::GET, &path, &[], None).await;
    assert_eq!(points.status, 200, "{points:?}");
    points
        .body
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|point| point["bandwidth_used"].as_u64())
        .sum()
}

#[tokio::test]
async fn collects_a_gateways_page_every_minute() {
    let stack = stack();
    let source = format!("/v1/sources/e2e-{:x}", rand::random::<u64>());
    let spec = json!({
        "type": "prometheus",
        "url": gateway().await,
        "preset": "kong3",
        "account": stack.tenant_account,
    });
    assert_eq!(stack.operate(Method::PUT, &source, Some(spec)).await.status, 201);
    let collected = async {
        while charted_bytes(stack, "checkout").await < 1000 {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
    };
    let is_collected = tokio::time::timeout(COLLECTION_TIMEOUT, collected).await.is_ok();
    let said = stack.send(Method::GET, &source, &[], None).await.body;
    assert!(is_collected, "{said}");
    assert_eq!(
        (&said["last_error"], &said["last_warning"], &said["series"]),
        (&Value::Null, &Value::Null, &json!(2))
    );
    assert_eq!(charted_bytes(stack, "checkout").await % 500, 0);
    assert_eq!(stack.operate(Method::DELETE, &source, None).await.status, 204);
}

/// A tick over a thousand series: all new at first, then all grown.
#[tokio::test]
async fn a_thousand_series_take_seconds() {
    let stack = stack();
    static SCRAPES: AtomicU64 = AtomicU64::new(0);
    let page = async || {
        let looks = SCRAPES.fetch_add(1, Ordering::Relaxed);
        let line = |n: u64| {
            format!(
                "kong_bandwidth{{type=\"egress\",service=\"many\",route=\"{n}\"}} {}\n",
                looks * n
            )
        };
        (0..1000).map(line).collect::<String>()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    tokio::spawn(
        async move { axum::serve(listener, Router::new().route("/metrics", get(page))).await },
    );
    let name = format!("e2e-many-{:x}", rand::random::<u64>());
    let checker = stack.checker(Metrics::new(|_| {}));
    let spec = json!({"type": "prometheus", "url": url, "preset": "kong2"});
    let path = format!("/v1/sources/{name}");
    assert_eq!(stack.operate(Method::PUT, &path, Some(spec)).await.status, 201);
    let origin = Origin::Source(name.parse().unwrap());
    let mut took = Vec::new();
    while took.len() < 2 {
        let begin = Instant::now();
        let collected = checker.collect("e2e", Clock::system().now()).await.unwrap();
        // The stack's own tick may be faster in some minutes; then this one collects nothing.
        if collected.open_hours.get(&origin).is_some_and(|heads| heads.len() == 1000) {
            took.push(begin.elapsed());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(stack.operate(Method::DELETE, &path, None).await.status, 204);
    println!("a thousand series took {took:?}");
    assert!(took.iter().all(|took| *took < Duration::from_secs(10)), "{took:?}");
}

#[tokio::test]
async fn repeated_reports_count_once() {
    let stack = stack();
    let service = format!("e2e-{:x}", rand::random::<u64>());
    let event = |id: &str| {
        json!({"specversion": "1.0", "type": "tollgate.bandwidth", "source": service, "id": id,
        "data": {"service": service, "route": "/#%", "type": "egress", "bytes": 7}})
    };
    let batch = json!([event("1"), event("2"), event("1")]);
    for wanted in [[false, false, true], [true, true, true]] {
        let answer = stack.send(Method::POST, "/v1/usage", &[], Some(batch.clone())).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let told: Vec<_> = answer.body["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["duplicate"].as_bool())
            .collect();
        assert_eq!(told, wanted.map(Some), "{answer:?}");
    }
    assert_eq!(charted_bytes(stack, &service).await, 14);
}
