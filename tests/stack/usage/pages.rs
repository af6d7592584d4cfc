//! Metrics pages as gateways and exporters write them. Those of node_exporter and Prometheus were
//! recorded on Debian 12.

use std::io::Write as _;

use axum::body::Body;
use flate2::{Compression, write::GzEncoder};
use http::Response;

use super::*;

/// The page with each counter increased by the length of its line in bytes.
fn increased(page: &str, metric: &str) -> String {
    let lines = page.lines().map(|line| match line.rsplit_once(' ') {
        Some((name, value)) if name.starts_with(&format!("{metric}{{")) || name == metric => {
            let value: f64 = value.parse().unwrap();
            format!("{name} {}\n", value + line.len() as f64)
        }
        _ => format!("{line}\n"),
    });
    lines.collect()
}

/// What is counted for a page and its grown successor, by series.
async fn counted(spec: Value, page: &str, metric: &str) -> Vec<String> {
    let stack = Stack::new().await;
    let gateway = Gateway::start().await;
    let mut spec = spec;
    spec["url"] = json!(gateway.url());
    spec["type"] = json!("prometheus");
    put_source(&stack, "page", spec).await;
    for page in [page.to_owned(), increased(page, metric)] {
        gateway.show(page);
        next_minute(&stack).await;
        stack.check().await.unwrap();
    }
    let said = source(&stack, "page").await;
    assert_eq!((&said["last_error"], &said["last_warning"]), (&Value::Null, &Value::Null));
    let answer = stack.operator().get("/v1/usage?lookback_duration=3m").await.body;
    let points = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|point| !point["bandwidth_used"].is_null());
    points
        .map(|point| {
            format!(
                "{} {} {} {}",
                point["type"], point["service"], point["route"], point["bandwidth_used"]
            )
        })
        .collect()
}

#[tokio::test]
async fn pages_of_kong_and_others_are_parsed() {
    let all = [
        (json!({"preset": "kong2"}), include_str!("pages/kong2.txt"), "kong_bandwidth"),
        (json!({"preset": "kong3"}), include_str!("pages/kong3.txt"), "kong_bandwidth_bytes"),
        (
            json!({
                "metric": "node_network_transmit_bytes_total", "labels": {"route": "device"},
                "as": {"type": "egress", "service": "debian"},
            }),
            include_str!("pages/node_exporter.txt"),
            "node_network_transmit_bytes_total",
        ),
        (
            json!({
                "metric": "prometheus_http_response_size_bytes_sum", "labels": {"route": "handler"},
                "as": {"type": "egress", "service": "prometheus"},
            }),
            include_str!("pages/prometheus.txt"),
            "prometheus_http_response_size_bytes_sum",
        ),
        (
            json!({"metric": "go_memstats_alloc_bytes_total", "as": {"type": "egress"}}),
            include_str!("pages/prometheus.txt"),
            "go_memstats_alloc_bytes_total",
        ),
    ];
    let mut found = Vec::new();
    for (spec, page, metric) in all {
        found.push((metric, counted(spec, page, metric).await));
    }
    insta::assert_debug_snapshot!("parsed_pages", found);
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A large compressed page with 1,000 series among other lines, a decompression bomb, and a
/// truncated page.
#[tokio::test]
async fn large_compressed_pages_are_read_up_to_a_limit() {
    let stack = Stack::new().await;
    let page = |bytes: usize| {
        let mut page = String::new();
        for n in 0..1000 {
            page += &format!(
                "kong_bandwidth{{service=\"s\",route=\"{n}\",type=\"egress\"}} {}\n",
                bytes + n
            );
            for le in 0..60 {
                page += &format!(
                    "kong_latency_bucket{{service=\"service-of-some-length\",route=\"route-{n}\",\
                     type=\"request\",workspace=\"default\",le=\"{le}.0\"}} 1277\n"
                );
            }
        }
        page
    };
    assert!(page(0).len() > 6_000_000);
    let serve = async |bodies: Vec<Vec<u8>>| {
        let bodies = Arc::new(bodies);
        Target::start(move |nth| {
            let body = bodies[nth.min(bodies.len()) - 1].clone();
            Response::builder().header("content-encoding", "gzip").body(Body::from(body)).unwrap()
        })
        .await
    };
    let good = serve(vec![gzipped(&page(0)), gzipped(&page(7))]).await;
    let bomb = serve(vec![gzipped(&"kong_other 1\n".repeat(4_000_000))]).await;
    let whole = gzipped(&page(0));
    let cut = serve(vec![whole[..whole.len() / 2].to_vec()]).await;
    for (name, target) in [("good", &good), ("bomb", &bomb), ("cut", &cut)] {
        put_source(&stack, name, kong2(&target.url)).await;
    }
    for _ in 0..2 {
        next_minute(&stack).await;
        stack.check().await.unwrap();
    }
    assert_eq!(good.requests()[0].0["accept-encoding"], "gzip");
    assert_eq!(source(&stack, "bomb").await["last_error"], "the page exceeds 16 MiB");
    assert_eq!(source(&stack, "cut").await["last_error"], "it closed the connection");
    assert_eq!(source(&stack, "good").await["series"], 1000);
    let some =
        points(&stack.operator(), "type=egress&service=s&route=999&lookback_duration=2m").await;
    assert_eq!(some.iter().filter_map(|(_, bytes)| *bytes).collect::<Vec<_>>(), [7]);
}
