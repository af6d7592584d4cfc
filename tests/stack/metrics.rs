//! `GET /metrics`, as Prometheus sees it.

mod cost;
mod losses;

use std::{collections::BTreeMap, time::Duration};

use http::Method;
use model::account::Scope;
use serde_json::{Value, json};
use sim::{ApiResponse, Client, Stack};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A client with the scope `metrics:read` only.
async fn scraper(stack: &Stack) -> Client {
    let key = stack.create_account_key(&[Scope::MetricsRead]).await;
    stack.client(&key)
}

/// The samples of a page, by metric name with labels.
fn samples(answer: &ApiResponse) -> BTreeMap<String, f64> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let lines = answer.body.as_str().unwrap().lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// Waits until the background counters are written, then scrapes.
async fn scrape(stack: &Stack) -> BTreeMap<String, f64> {
    tokio::time::sleep(12 * SECOND).await;
    samples(&scraper(stack).await.get("/metrics").await)
}

#[tokio::test(start_paused = true)]
async fn reports_job_and_request_counts() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let strict = json!({
        "schema": {"type": "integer"}, "target": {"type": "http", "url": "http://127.0.0.1:9/"},
        "retry": {"max_attempts": 3},
    });
    stack.define("strict", strict).await;
    for n in 0..7 {
        assert_eq!(tenant.submit("echo", json!(n)).await.status, 202);
    }
    let jobs = json!({"jobs": [
        {"kind": "echo", "payload": 1}, {"kind": "strict", "payload": "no"},
        {"kind": "strict", "payload": 1},
    ]});
    assert_eq!(tenant.send(Method::POST, "/v1/jobs/batch", Some(jobs)).await.status, 202);
    let later = json!({"kind": "echo", "payload": 1, "delay_seconds": 600});
    let later = tenant.send(Method::POST, "/v1/jobs", Some(later)).await.id().to_owned();
    assert_eq!(tenant.send(Method::DELETE, &format!("/v1/jobs/{later}"), None).await.status, 200);
    stack.run_worker(60 * MINUTE).await;
    assert_eq!(
        tenant.send(Method::POST, &format!("/v1/jobs/{later}/retry"), None).await.status,
        202
    );
    stack.run_worker(60 * MINUTE).await;

    let page = scrape(&stack).await;
    let of = |series: &str| page.get(series).copied();
    for (series, wanted) in [
        (r#"tollgate_jobs_accepted_total{kind="echo"}"#, 9.0),
        (r#"tollgate_jobs_accepted_total{kind="strict"}"#, 1.0),
        (r#"tollgate_jobs_reopened_total{kind="echo"}"#, 1.0),
        (r#"tollgate_jobs_total{kind="echo",outcome="completed"}"#, 9.0),
        (r#"tollgate_jobs_total{kind="echo",outcome="cancelled"}"#, 1.0),
        (r#"tollgate_jobs_total{kind="echo",outcome="failed"}"#, 0.0),
        (r#"tollgate_jobs_total{kind="strict",outcome="failed"}"#, 1.0),
        (r#"tollgate_attempts_total{kind="strict",outcome="retried"}"#, 2.0),
        (r#"tollgate_attempts_total{kind="strict",outcome="failed"}"#, 1.0),
        (r#"tollgate_attempts_total{kind="echo",outcome="completed"}"#, 9.0),
        (r#"tollgate_job_run_seconds_count{kind="strict"}"#, 3.0),
        (r#"tollgate_job_run_seconds_bucket{kind="echo",le="+Inf"}"#, 9.0),
        (r#"tollgate_job_wait_seconds_count{kind="strict"}"#, 1.0),
        (r#"tollgate_requests_total{method="POST",route="/v1/jobs",status="202"}"#, 8.0),
        (r#"tollgate_requests_total{method="POST",route="/v1/jobs/batch",status="202"}"#, 1.0),
        (r#"tollgate_requests_total{method="DELETE",route="/v1/jobs/{id}",status="200"}"#, 1.0),
        (r#"tollgate_request_duration_seconds_count{method="POST",route="/v1/jobs"}"#, 8.0),
        (r#"tollgate_build_info{version="0.1.0"}"#, 1.0),
    ] {
        assert_eq!(of(series), Some(wanted), "{series} of {page:#?}");
    }
}

/// Rejected requests are counted by reason and by route. All unknown paths count as one route.
#[tokio::test(start_paused = true)]
async fn rejected_requests_are_counted_by_reason() {
    let stack = Stack::new().await;
    let tenant = stack.tenant();
    let mut wanted = BTreeMap::<String, f64>::new();
    let (keyless, broken) = (stack.client(""), b"{".to_vec());
    let answers = [
        keyless.get("/v1/jobs").await,
        tenant.get("/v1/jobs/job_x").await,
        tenant.get("/metrics").await,
        tenant.get("/nowhere/1").await,
        tenant.get("/nowhere/2").await,
        tenant.send(Method::PUT, "/v1/jobs", None).await,
        tenant.send_raw(Method::POST, "/v1/jobs", Some("application/json"), broken).await,
        tenant.send_raw(Method::POST, "/v1/jobs", Some("text/plain"), b"x".to_vec()).await,
        tenant.submit("echo", json!("x".repeat(300_000))).await,
        tenant.submit("nothing", json!(1)).await,
    ];
    for answer in &answers {
        *wanted
            .entry(format!(
                "tollgate_requests_rejected_total{{reason=\"{}\"}}",
                answer.problem_type()
            ))
            .or_default() += 1.0;
    }
    let page = scrape(&stack).await;
    let rejected =
        page.iter().filter(|(series, _)| series.starts_with("tollgate_requests_rejected"));
    assert_eq!(
        rejected.map(|(series, number)| (series.clone(), *number)).collect::<BTreeMap<_, _>>(),
        wanted
    );
    let other = |status: u16| {
        page.get(&format!(
            r#"tollgate_requests_total{{method="other",route="other",status="{status}"}}"#
        ))
        .copied()
    };
    assert_eq!((other(404), other(405)), (Some(2.0), Some(1.0)));
    let route = r#"tollgate_requests_total{method="GET",route="/metrics",status="403"}"#;
    assert_eq!(page.get(route), Some(&1.0));
}

#[tokio::test(start_paused = true)]
async fn reports_quotas_sources_usage_and_events() {
    let stack = Stack::new().await;
    let (tenant, account) = (stack.tenant(), stack.tenant_account());
    let quota = json!({
        "limit_bytes": 1000, "type": "egress", "service": "shop", "account": account,
        "period": "day", "recipients": ["ops@example.com"],
    });
    let put = stack.operator().send(Method::PUT, "/v1/quotas/shop", Some(quota)).await;
    assert_eq!(put.status, 201, "{put:?}");
    let source =
        json!({"type": "prometheus", "url": "http://127.0.0.1:9/metrics", "preset": "kong3"});
    assert_eq!(
        stack.operator().send(Method::PUT, "/v1/sources/kong", Some(source)).await.status,
        201
    );
    let report = json!({
        "specversion": "1.0", "type": "tollgate.bandwidth", "source": "/shop", "id": "1",
        "data": {"service": "shop", "route": "/cart", "type": "egress", "bytes": 850},
    });
    for _ in 0..2 {
        assert_eq!(tenant.send(Method::POST, "/v1/usage", Some(report.clone())).await.status, 202);
    }
    let path = format!("/v1/accounts/{account}/events");
    assert_eq!(tenant.send(Method::POST, &path, Some(json!({"data": 1}))).await.status, 202);
    tokio::time::sleep(MINUTE).await;
    stack.check().await.unwrap();

    tokio::time::sleep(12 * SECOND).await;
    let page = samples(&stack.operator().get("/metrics").await);
    for (series, wanted) in [
        (r#"tollgate_quota_utilization_ratio{quota="shop"}"#, 0.85),
        (r#"tollgate_quota_thresholds_reached{quota="shop"}"#, 1.0),
        (r#"tollgate_quota_mails_failing{quota="shop"}"#, 0.0),
        (r#"tollgate_source_up{source="kong"}"#, 0.0),
        ("tollgate_source_collections_failed_total", 1.0),
        (r#"tollgate_usage_bytes_total{service="shop",type="egress"}"#, 850.0),
        (r#"tollgate_usage_bytes_total{service="shop",type="ingress"}"#, 0.0),
        (r#"tollgate_events_published_total{type="data"}"#, 1.0),
        (r#"tollgate_events_published_total{type="quota.crossed"}"#, 1.0),
        (r#"tollgate_events_published_total{type="job.failed"}"#, 0.0),
    ] {
        assert_eq!(page.get(series), Some(&wanted), "{series} of {page:#?}");
    }
    assert!(!page.contains_key(r#"tollgate_source_last_success_timestamp_seconds{source="kong"}"#));

    // Other accounts' keys get the totals, but no names of services.
    let page = scrape(&stack).await;
    assert!(!page.keys().any(|series| series.contains("shop")), "{page:#?}");
    assert_eq!(page[r#"tollgate_usage_bytes_total{service="other",type="egress"}"#], 850.0);
    assert_eq!(page[r#"tollgate_source_up{source="kong"}"#], 0.0);
}

#[tokio::test(start_paused = true)]
async fn negotiates_the_format() {
    let stack = Stack::new().await;
    let scraper = scraper(&stack).await;
    let plain = scraper.get("/metrics").await;
    assert_eq!(plain.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(plain.header("vary"), "accept");
    let liked =
        "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let open = scraper.with("accept", liked).get("/metrics").await;
    assert_eq!(
        open.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert!(open.body.as_str().unwrap().ends_with("\n# EOF\n"));
    let head = scraper.with("accept", liked).send(Method::HEAD, "/metrics", None).await;
    assert_eq!(
        (head.status, head.header("content-type"), &head.body),
        (200, open.header("content-type"), &Value::Null)
    );
    assert_eq!(scraper.get("/metrics?x=1").await.status, 400);
    assert_eq!(stack.client("").get("/metrics").await.status, 401);
    assert_eq!(stack.operator().get("/metrics").await.status, 200);
}

/// Service names from clients must not grow the table without bound. Beyond the limit, they are
/// counted together as `other`.
#[tokio::test(start_paused = true)]
async fn services_beyond_the_limit_count_as_other() {
    let stack = Stack::new().await;
    let service = stack.service();
    let tenant = stack.client_with_service(&service, &stack.tenant_key());
    for n in 0..6 {
        let report = |m: i32| {
            json!({
                "specversion": "1.0", "type": "tollgate.bandwidth", "source": "/s",
                "id": format!("{n}.{m}"),
                "data": {
                    "service": format!("service {n}.{m}"), "route": "/", "type": "egress",
                    "bytes": 10,
                },
            })
        };
        let body = Value::Array((0..100).map(report).collect()).to_string().into_bytes();
        let batch = Some("application/cloudevents-batch+json");
        assert_eq!(tenant.send_raw(Method::POST, "/v1/usage", batch, body).await.status, 202);
        tokio::time::sleep(12 * SECOND).await;
    }
    let page = samples(&stack.operator().get("/metrics").await);
    let used: Vec<_> = page
        .iter()
        .filter(|(series, _)| series.starts_with("tollgate_usage_bytes_total"))
        .collect();
    assert_eq!(used.iter().map(|(_, bytes)| **bytes).sum::<f64>(), 6000.0);
    let other = page[r#"tollgate_usage_bytes_total{service="other",type="egress"}"#];
    assert!(other > 0.0 && used.len() <= 2 * 129, "{} series, {other} bytes of others", used.len());
}
