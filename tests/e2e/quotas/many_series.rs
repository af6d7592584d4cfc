//! The time of a tick with many series and quotas.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, routing::get};
use futures::{StreamExt, TryStreamExt, stream};
use live_stack::{Stack, stack};
use model::{
    name::Name,
    quota::{Quota, QuotaSpec},
};
use reqwest::Method;
use runtime::{clock::Clock, telemetry::Metrics};
use serde_json::{Value, json};
use store::{QuotaStore, Table};
use tokio::net::TcpListener;

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

/// Stores a quota of each name, for one of the fifty services and one of three periods.
async fn put_quotas(store: &QuotaStore, account: &str, names: &[Name]) -> Vec<Quota> {
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
        let spec = serde_json::from_value::<QuotaSpec>(spec).unwrap();
        async move {
            let put = store.put(name, &spec, "1", Clock::system().now()).await;
            put.map(|(quota, _)| quota)
        }
    };
    let quotas = stream::iter(names.iter().enumerate()).map(put).buffer_unordered(8);
    quotas.try_collect().await.unwrap()
}

/// Durations of three ticks that collected a thousand series each. The stack's own tick may be
/// faster in some minutes.
async fn time_three_ticks(stack: &Stack) -> Vec<Duration> {
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
    took
}

/// What the quotas have used in their current period.
async fn used_bytes(store: &QuotaStore, names: &[Name]) -> Vec<u64> {
    let mut used = Vec::new();
    for some in names.chunks(100) {
        let stored = store.states_of(some).await.unwrap();
        used.extend(stored.into_iter().map(|stored| stored.state.current.used));
    }
    used
}

/// A thousand series and two hundred quotas, all of which change, are processed in one tick, in
/// addition to the stack's own.
#[tokio::test]
async fn tick_with_many_series_and_quotas_takes_seconds() {
    let stack = stack();
    let (account, _) = super::account(stack).await;
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
    let quotas = put_quotas(&store, &account, &names).await;
    assert_eq!(stack.operate(Method::PUT, &source, Some(spec)).await.status, 201);

    let took = time_three_ticks(stack).await;
    println!("1,000 series collected and 200 quotas evaluated, all changed: {took:?}");
    // Twenty series per service, each growing by a hundred bytes per scrape. A new hour may have
    // begun in between.
    let is_complete = |used: &[u64]| used.iter().filter(|used| **used >= 4000).count() >= 150;
    // Of two ticks that evaluate a quota at the same time, one skips it. If that was the last of
    // the three, the stack's own tick completes its work.
    let deadline = Instant::now() + Duration::from_secs(150);
    let mut used = used_bytes(&store, &names).await;
    while !is_complete(&used) && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_secs(1)).await;
        used = used_bytes(&store, &names).await;
    }
    assert_eq!(used.len(), 200);
    assert!(used.iter().all(|used| used % 2000 == 0) && is_complete(&used), "{used:?}");
    assert!(took.iter().all(|took| *took < Duration::from_secs(10)), "{took:?}");
    assert_eq!(stack.operate(Method::DELETE, &source, None).await.status, 204);
    for quota in quotas {
        store.delete(&quota).await.unwrap();
    }
}
