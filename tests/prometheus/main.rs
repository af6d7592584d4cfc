//! Prometheus scrapes the running stack, and computes what a load of jobs measured.
//!
//! `python3 -m infra.local up --port 0 --temporary -- cargo test --workspace --features tests/e2e
//! --test prometheus` starts what the tests need, and so does `make test-all`. If no `prometheus`
//! is installed, the tests print a note and check nothing; with `CI` set they fail.

mod measured;
mod server;

use std::{
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

use live_stack::{JOB_TIMEOUT, stack};
use reqwest::Method;
use runtime::metrics::{Shape, registry::FAMILIES};
use serde_json::{Value, json};

use measured::Measured;
use server::{Prometheus, is_installed};

const KIND: &str = "prometheus-load";
const JOBS: usize = 120;

/// promtool accepts all names and types.
#[tokio::test]
async fn promtool_accepts_the_metrics_page() {
    if !is_installed() {
        return;
    }
    let stack = stack();
    stack.outcome(&stack.submit("echo", json!(1)).await, JOB_TIMEOUT).await;
    let page = stack.operate(Method::GET, "/metrics", None).await;
    assert_eq!(page.status, 200, "{page:?}");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(page.body.as_str().unwrap().as_bytes()).unwrap();
    let said = promtool.wait_with_output().unwrap();
    let told = [said.stdout, said.stderr].concat();
    assert!(said.status.success() && told.is_empty(), "{}", String::from_utf8_lossy(&told));
}

/// Jobs at a target that takes 5 ms to 2 s: Prometheus counts each, and its quantiles are at most
/// one bucket away from those of the jobs' own times.
#[tokio::test]
async fn prometheus_computes_what_a_load_of_jobs_measured() {
    if !is_installed() {
        return;
    }
    let stack = stack();
    let target = measured::target().await;
    let spec = json!({"schema": {"type": "integer"}, "target": {"type": "http", "url": target}});
    stack.define(KIND, spec).await;
    let prometheus = Prometheus::start(&stack.url, &stack.operator_key).await;
    let up = format!("up{{job=\"{}\"}}", server::JOB);
    prometheus.wait_until(&up, JOB_TIMEOUT, |value| value == Some(1.0)).await;

    let jobs = (0..JOBS).map(|n| json!({"kind": KIND, "payload": measured::millis(n)}));
    let jobs: Vec<_> = jobs.collect();
    let mut ids = Vec::new();
    for some in jobs.chunks(40) {
        let answer =
            stack.send(Method::POST, "/v1/jobs/batch", &[], Some(json!({"jobs": some}))).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        let items = answer.body["items"].as_array().unwrap().clone();
        ids.extend(items.iter().map(|item| item["job"]["id"].as_str().unwrap().to_owned()));
    }
    let mut measured = Measured::default();
    for id in &ids {
        let job = stack.outcome(id, JOB_TIMEOUT).await;
        assert_eq!(job["status"], "completed", "{job}");
        measured.add(&job, &stack.attempts(id).await);
    }
    // The jobs of a batch are on the page once it is done, and Prometheus scrapes every second.
    let completed = format!("tollgate_jobs_total{{kind=\"{KIND}\",outcome=\"completed\"}}");
    prometheus.wait_until(&completed, JOB_TIMEOUT, |value| value == Some(float(JOBS))).await;
    let run = format!("tollgate_job_run_seconds_count{{kind=\"{KIND}\"}}");
    assert_eq!(prometheus.value(&run).await, Some(float(JOBS)));
    // `submit` writes its counts in the background, within ten seconds.
    let accepted = format!("tollgate_jobs_accepted_total{{kind=\"{KIND}\"}}");
    prometheus.wait_until(&accepted, JOB_TIMEOUT, |value| value == Some(float(JOBS))).await;

    for (family, took) in [
        ("tollgate_job_run_seconds", &measured.ran),
        ("tollgate_job_wait_seconds", &measured.waited),
    ] {
        for quantile in [0.5, 0.9, 0.95] {
            let query = format!(
                "histogram_quantile({quantile}, sum by (le) ({family}_bucket{{kind=\"{KIND}\"}}))"
            );
            let computed = prometheus.value(&query).await.unwrap();
            let exact = measured::quantile(took, quantile);
            let bounds = bounds(family);
            let (at, of) = (measured::bucket(computed, &bounds), measured::bucket(exact, &bounds));
            println!("{family} p{quantile}: Prometheus {computed:.3} s, jobs {exact:.3} s");
            assert!(at.abs_diff(of) <= 1, "{query}: {computed} s, measured {exact} s");
        }
    }
    dashboard(&prometheus).await;
}

/// Every query of the dashboard is valid and names known metrics. Those about jobs and requests
/// return data.
async fn dashboard(prometheus: &Prometheus) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/grafana/tollgate.json");
    let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let known = prometheus.types().await;
    let (mut queries, mut shown) = (0, 0);
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = server::with_variables(target["expr"].as_str().unwrap());
            let found = prometheus.query(&query).await;
            queries += 1;
            shown += usize::from(!found.is_empty());
            let about_load =
                query.contains("tollgate_jobs_total") || query.contains("tollgate_requests_total");
            assert!(!about_load || !found.is_empty(), "{query} returned no data");
            for name in server::metrics_in(&query) {
                assert!(
                    known.contains(&name),
                    "{query}: {name} is not among the metrics {known:?}"
                );
            }
        }
    }
    println!("{queries} queries of the dashboard, {shown} with data");
    assert!(queries >= 10);
}

fn bounds(name: &str) -> Vec<f64> {
    let family = FAMILIES.iter().find(|family| family.name == name).unwrap();
    let Shape::Histogram(bounds) = family.shape else { panic!("{name} is not a histogram") };
    bounds.iter().map(|millis| Duration::from_millis(*millis).as_secs_f64()).collect()
}

fn float(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}
