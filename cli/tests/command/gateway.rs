//! API Gateway's own responses, sent instead of Tollgate's if no execution is free or a function
//! fails (docs/problems.md). They have a `message` and no `type`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
};
use serde_json::json;
use tokio::{net::TcpListener, runtime::Runtime};

use crate::home::{Home, Run};

/// A server that sends the gateway's response to the first requests, and a regular one
/// afterwards.
struct Gateway {
    url: String,
    requests: Arc<AtomicUsize>,
    _runtime: Runtime,
}

impl Gateway {
    fn start(answers: usize, status: u16, message: &str, afterwards: &'static str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let seen = requests.clone();
        let own = format!(r#"{{"message":"{message}"}}"#);
        let status = StatusCode::from_u16(status).unwrap();
        let answer = move || {
            let is_gateways = seen.fetch_add(1, Ordering::SeqCst) < answers;
            let body = if is_gateways { own.clone() } else { afterwards.to_owned() };
            let status = if is_gateways { status } else { StatusCode::OK };
            async move { (status, [(CONTENT_TYPE, "application/json")], body) }
        };
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(axum::serve(listener, Router::new().fallback(answer)).into_future());
        Self { url, requests, _runtime: runtime }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        Home::with(&self.url, "tg_secret").run(arguments)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

const EMPTY_PAGE: &str = r#"{"items":[],"next_cursor":null}"#;

#[test]
fn retries_when_the_gateway_fails() {
    for (status, message) in
        [(429, "Too Many Requests"), (503, "Service Unavailable"), (500, "Internal Server Error")]
    {
        let gateway = Gateway::start(2, status, message, EMPTY_PAGE);
        gateway.run(&["jobs", "list"]).ok();
        assert_eq!(gateway.requests(), 3, "{status}");
    }
}

/// A 429 is sent before the request is processed. After other gateway errors the request may have
/// been carried out.
#[test]
fn retries_non_idempotent_calls_only_after_a_429() {
    let cancel = ["jobs", "cancel", "job_01kadz9p00e8zsf5wk2c1a2b3c"];
    for (status, requests) in [(429, 5), (503, 1), (500, 1)] {
        let gateway = Gateway::start(usize::MAX, status, "…", EMPTY_PAGE);
        let run = gateway.run(&cancel);
        assert_eq!(gateway.requests(), requests, "{status} {run:?}");
    }
}

#[test]
fn explains_responses_of_the_gateway() {
    let mut said = Vec::new();
    for (status, message, code) in [
        (413, "Request Too Long", 3),
        (429, "Too Many Requests", 7),
        (500, "Internal Server Error", 8),
        (503, "Service Unavailable", 8),
        (403, "Forbidden\\u001b[2J", 4),
    ] {
        let gateway = Gateway::start(usize::MAX, status, message, EMPTY_PAGE);
        let run = gateway.run(&["jobs", "list"]);
        assert_eq!(run.code, code, "{run:?}");
        said.push(run.err.trim_end().to_owned());
    }
    insta::assert_snapshot!(said.join("\n"));
}

/// If too many requests are waiting, the server responds immediately, with a Retry-After.
#[test]
fn honours_retry_after_if_a_long_poll_is_not_held() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    listener.set_nonblocking(true).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let requests = Arc::new(AtomicUsize::new(0));
    let seen = requests.clone();
    let answer = move || {
        let count = seen.fetch_add(1, Ordering::SeqCst);
        let status = if count < 2 { "queued" } else { "completed" };
        let job =
            json!({"id": "job_1", "status": status, "attempts": 0, "max_attempts": 3, "result": 7});
        let is_known = count == 1;
        let status = if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK };
        let body = if is_known { String::new() } else { job.to_string() };
        async move { (status, [("etag", "\"1\""), ("retry-after", "3")], body) }
    };
    runtime.spawn(async move {
        let listener = TcpListener::from_std(listener).unwrap();
        axum::serve(listener, Router::new().fallback(answer)).await
    });
    let begun = Instant::now();
    let job = "job_01kadz9p00e8zsf5wk2c1a2b3c";
    assert_eq!(Home::with(&url, "tg_secret").run(&["jobs", "wait", job]).ok(), "7");
    assert_eq!(requests.load(Ordering::SeqCst), 3);
    assert!(begun.elapsed() >= Duration::from_secs(3), "{:?}", begun.elapsed());
    runtime.shutdown_background();
}
