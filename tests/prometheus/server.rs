//! A Prometheus server that runs for one test.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use reqwest::Client;
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// Name of the scrape job for the stack.
pub const JOB: &str = "tollgate";

/// Whether Prometheus is installed; panics in CI if it is not.
pub fn is_installed() -> bool {
    let version = |program: &str| Command::new(program).arg("--version").output();
    let found = version("prometheus").and(version("promtool")).is_ok();
    assert!(
        found || std::env::var_os("CI").is_none(),
        "prometheus is not installed; on Debian: apt install prometheus"
    );
    if !found {
        eprintln!(
            "prometheus is not installed: its tests are skipped. \
             On Debian: apt install prometheus"
        );
    }
    found
}

/// A Prometheus that scrapes one stack every second.
#[derive(Debug)]
pub struct Prometheus {
    process: Child,
    folder: PathBuf,
    url: String,
    http: Client,
}

impl Prometheus {
    /// Starts a server for a stack's API, and waits until it is ready. The key is in a separate
    /// file, as in `docs/metrics.md`.
    pub async fn start(api: &str, key: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("tollgate-prometheus-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("key"), key).unwrap();
        let (scheme, rest) = api.split_once("://").unwrap();
        let (host, path) = rest
            .trim_end_matches('/')
            .split_once('/')
            .map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
        let config = format!(
            "scrape_configs:\n  - job_name: {JOB}\n    scrape_interval: 1s\n    \
             scheme: {scheme}\n    metrics_path: {path}/metrics\n    \
             authorization: {{credentials_file: {}/key}}\n    \
             static_configs: [{{targets: [\"{host}\"]}}]\n",
            folder.display()
        );
        fs::write(folder.join("prometheus.yml"), config).unwrap();
        // The port was free a moment ago. If another process takes it, Prometheus exits and
        // `ready` fails.
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = fs::File::create(folder.join("log")).unwrap();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}/prometheus.yml", folder.display()))
            .arg(format!("--storage.tsdb.path={}/data", folder.display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let http = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let mut started = Self { process, folder, url, http };
        started.wait_until_ready().await;
        started
    }

    async fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.http.get(format!("{}/-/ready", self.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            let ended = self.process.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}: {}", self.log());
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Result of a query: each series with its current value.
    pub async fn query(&self, query: &str) -> Vec<Value> {
        let url = format!("{}/api/v1/query", self.url);
        let form =
            form_urlencoded::Serializer::new(String::new()).append_pair("query", query).finish();
        let form = self
            .http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let answer = form.send().await.unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }

    /// Value of a query that returns at most one series.
    pub async fn value(&self, query: &str) -> Option<f64> {
        let found = self.query(query).await;
        assert!(found.len() <= 1, "{query}: {found:?}");
        found.first().map(|series| series["value"][1].as_str().unwrap().parse().unwrap())
    }

    /// Waits until a query's value meets the condition.
    pub async fn wait_until(
        &self,
        query: &str,
        patience: Duration,
        wanted: impl Fn(Option<f64>) -> bool,
    ) {
        let deadline = Instant::now() + patience;
        loop {
            let value = self.value(query).await;
            if wanted(value) {
                return;
            }
            assert!(Instant::now() < deadline, "{query} is {value:?}: {}", self.log());
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Names, as used in queries, of all metrics whose type the stack publishes, including those
    /// without samples.
    pub async fn types(&self) -> BTreeSet<String> {
        let url = format!("{}/api/v1/targets/metadata", self.url);
        let answer = self.http.get(url).send().await.unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let each = answer["data"].as_array().unwrap().iter();
        each.flat_map(|told| {
            let name = told["metric"].as_str().unwrap().to_owned();
            match told["type"].as_str().unwrap() {
                "counter" => vec![format!("{name}_total")],
                "histogram" => {
                    ["bucket", "sum", "count"].map(|end| format!("{name}_{end}")).to_vec()
                }
                "info" => vec![format!("{name}_info")],
                _ => vec![name],
            }
        })
        .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A query with values in place of Grafana's variables.
pub fn with_variables(query: &str) -> String {
    query.replace("$__rate_interval", "1m").replace("$__range", "5m").replace("$kind", ".*")
}

/// Tollgate's metrics that a query names.
pub fn metrics_in(query: &str) -> BTreeSet<String> {
    let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("tollgate_")).map(str::to_owned).collect()
}
