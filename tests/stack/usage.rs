//! Usage: collection every minute, reports and charts.

mod chart;
mod cloudwatch;
mod collect;
mod cost;
mod earlier_release;
mod overlapping_runs;
mod pages;
mod push;
mod sources;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::response::IntoResponse;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use sim::{Client, Stack};

use crate::target::Target;

const MINUTE: Duration = Duration::from_secs(60);

/// A gateway that serves a metrics page set by the test, or an error status.
struct Gateway {
    target: Target,
    page: Arc<Mutex<Result<String, u16>>>,
}

impl Gateway {
    async fn start() -> Self {
        let page: Arc<Mutex<Result<String, u16>>> = Arc::new(Mutex::new(Err(404)));
        let shown = page.clone();
        let answer = move |_| match &*shown.lock().unwrap() {
            Ok(page) => page.clone().into_response(),
            Err(code) => StatusCode::from_u16(*code).unwrap().into_response(),
        };
        Self { target: Target::start(answer).await, page }
    }

    fn url(&self) -> &str {
        &self.target.url
    }

    fn show(&self, page: impl Into<String>) {
        *self.page.lock().unwrap() = Ok(page.into());
    }

    fn fail(&self, status: u16) {
        *self.page.lock().unwrap() = Err(status);
    }

    fn request_count(&self) -> usize {
        self.target.requests().len()
    }
}

async fn put_source(stack: &Stack, name: &str, spec: Value) {
    let answer =
        stack.operator().send(Method::PUT, &format!("/v1/sources/{name}"), Some(spec)).await;
    assert!([200, 201].contains(&answer.status), "{answer:?}");
}

async fn source(stack: &Stack, name: &str) -> Value {
    stack.operator().get(&format!("/v1/sources/{name}")).await.body
}

/// Advances the clock to the next minute. Otherwise time is real, because pages are served over a
/// real socket.
async fn next_minute(stack: &Stack) {
    let left = 60_000 - stack.now().millis().rem_euclid(60_000);
    advance(Duration::from_millis(left.unsigned_abs())).await;
}

async fn advance(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

/// The time (HH:MM) and bytes of each point that a query returns.
async fn points(client: &Client, query: &str) -> Vec<(String, Option<u64>)> {
    let answer = client.get(&format!("/v1/usage?{query}")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["next_cursor"], Value::Null);
    let points = answer.body["items"].as_array().unwrap().iter();
    points
        .map(|point| {
            (point["time"].as_str().unwrap()[11..16].to_owned(), point["bandwidth_used"].as_u64())
        })
        .collect()
}

fn kong2(url: &str) -> Value {
    json!({"type": "prometheus", "url": url, "preset": "kong2"})
}
