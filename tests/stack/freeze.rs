//! Lambda processes that are frozen after each response, and killed: all their counts are in the
//! table, and idle connections are not reused.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use axum::{Router, serve::ListenerExt};
use model::account::Scope;
use outbound::Outbound;
use serde_json::json;
use sim::{Client, Stack};
use store::{HttpGet, Posted, TrustedRoots, connect, http_client};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    runtime::{Builder, Runtime},
};

const PROCESSES: usize = 20;
const REQUESTS: usize = 1000;

/// A process with its own runtime. No background task runs unless a request is being handled.
struct Process {
    runtime: Runtime,
    client: Client,
}

impl Process {
    fn start(stack: &Stack) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(async { stack.tenant() });
        Self { runtime, client }
    }

    fn submit(&self, nth: usize) {
        let accepted = self.runtime.block_on(self.client.submit("echo", json!(nth)));
        assert_eq!(accepted.status, 202, "{accepted:?}");
    }
}

#[test]
fn counts_1000_requests_of_20_processes_exactly() {
    let outside = Builder::new_current_thread().enable_all().build().unwrap();
    let stack = outside.block_on(Stack::new());
    let key = outside.block_on(stack.create_account_key(&[Scope::MetricsRead]));
    let mut processes: Vec<_> = (0..PROCESSES).map(|_| Process::start(&stack)).collect();
    for nth in 0..REQUESTS {
        processes[nth % PROCESSES].submit(nth);
        if nth == REQUESTS / 2 {
            // The first half of the processes is killed and replaced.
            for process in &mut processes[..PROCESSES / 2] {
                *process = Process::start(&stack);
            }
        }
    }
    drop(processes);
    let page = outside.block_on(stack.client(&key).get("/metrics"));
    let value = |series: &str| {
        let line = page.body.as_str().unwrap().lines().find_map(|line| line.strip_prefix(series));
        line.map(|value| value.trim().parse::<f64>().unwrap())
    };
    assert_eq!(value(r#"tollgate_jobs_accepted_total{kind="echo"}"#), Some(1000.0));
    let requests = r#"tollgate_requests_total{method="POST",route="/v1/jobs",status="202"}"#;
    assert_eq!(value(requests), Some(1000.0));
    let of_rates = stack
        .aws
        .items()
        .into_iter()
        .filter(|item| item["pk"]["S"].as_str().unwrap().starts_with("RATE#"));
    let jobs: u64 = of_rates
        .flat_map(|item| item["jobs"]["L"].as_array().unwrap().clone())
        .map(|count| count["N"].as_str().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(jobs, 1000);
}

/// A gateway that closes the first connection without a response, and answers on later ones.
async fn gateway_closing_first_connection() -> (String, Arc<AtomicUsize>) {
    let posted = Arc::new(AtomicUsize::new(0));
    let counted = posted.clone();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let is_first = counted.fetch_add(1, Ordering::Relaxed) == 0;
            let _ = connection.read(&mut [0; 8192]).await;
            if !is_first {
                connection
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                    .await
                    .unwrap();
            }
        }
    });
    (address, posted)
}

#[tokio::test]
async fn message_on_a_closed_connection_is_sent_again() {
    let (address, posted) = gateway_closing_first_connection().await;
    let vars = |name: &str| match name {
        "AWS_ENDPOINT_URL" => Some(address.clone()),
        _ => Some("eu-central-1".to_owned()),
    };
    let sockets = connect(&vars).unwrap().sockets(&address);
    let connection = "L0SM9cOFvHcCIhw=".parse().unwrap();
    assert_eq!(sockets.post(&connection, "{}".to_owned()).await.unwrap(), Posted::Sent);
    assert_eq!(posted.load(Ordering::Relaxed), 2);
}

/// A server, and the number of connections opened to it.
async fn counting_server() -> (String, Arc<AtomicUsize>) {
    let opened = Arc::new(AtomicUsize::new(0));
    let counted = opened.clone();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let listener = listener.tap_io(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(async || "{}")).await });
    (address, opened)
}

/// Sends requests after pauses. A connection that was idle for longer than 15 s must not be reused.
async fn assert_idle_connections_are_not_reused(opened: &AtomicUsize, ask: impl AsyncFn()) {
    for (pause, wanted) in [(0, 1), (14, 1), (16, 2)] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(pause)).await;
        tokio::time::resume();
        ask().await;
        assert_eq!(opened.load(Ordering::Relaxed), wanted, "after {pause} s");
    }
}

/// Peers close idle connections while a process is frozen.
#[tokio::test]
async fn aws_connection_idle_for_15_s_is_not_reused() {
    let (address, opened) = counting_server().await;
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .endpoint_url(address)
        .http_client(http_client(TrustedRoots::Amazon));
    let client = aws_sdk_dynamodb::Client::from_conf(config.build());
    let ask = async || drop(client.list_tables().send().await.unwrap());
    assert_idle_connections_are_not_reused(&opened, ask).await;
}

/// The same for targets, sources of metrics and token issuers.
#[tokio::test]
async fn outbound_connection_idle_for_15_s_is_not_reused() {
    let (address, opened) = counting_server().await;
    let outbound = Outbound::new(true);
    let ask = async || {
        let (client, url) = outbound.prepare(&address).unwrap();
        let answer = outbound.send(client.get(url)).await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "{}");
    };
    assert_idle_connections_are_not_reused(&opened, ask).await;
    let (address, opened) = counting_server().await;
    let web = HttpGet::default();
    assert_idle_connections_are_not_reused(&opened, async || {
        drop(web.get(&address, 100).await.unwrap())
    })
    .await;
}
