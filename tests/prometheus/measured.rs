//! A load of jobs, and the times that the jobs report.

use std::time::Duration;

use axum::{Router, body::Bytes};
use model::time::Time;
use serde_json::Value;
use tokio::net::TcpListener;

/// Times in seconds.
#[derive(Debug, Default)]
pub struct Measured {
    pub ran: Vec<f64>,
    pub waited: Vec<f64>,
}

impl Measured {
    pub fn add(&mut self, job: &Value, attempts: &[Value]) {
        let [attempt] = attempts else { panic!("{attempts:?}") };
        self.ran.push(between(&attempt["started_at"], &attempt["ended_at"]));
        self.waited.push(between(&job["run_at"], &attempt["started_at"]));
    }
}

fn between(from: &Value, to: &Value) -> f64 {
    let time = |value: &Value| -> Time { serde_json::from_value(value.clone()).unwrap() };
    time(to).since(time(from)).as_secs_f64()
}

/// How long the `nth` job takes at its target: from 5 ms to 2 s, growing over 60 jobs.
pub fn millis(nth: usize) -> u64 {
    let nth = u64::try_from(nth).unwrap() % 60;
    5 + nth * nth * 2000 / 3600
}

/// A target that takes the number of milliseconds in the payload.
pub async fn target() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let wait = async |body: Bytes| {
        let millis = std::str::from_utf8(&body).unwrap().parse().unwrap();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        "1"
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(wait)).await });
    url
}

/// The quantile by the nearest-rank method.
pub fn quantile(values: &[f64], quantile: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a short list"
    )]
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted[rank.saturating_sub(1)]
}

/// Index of the bucket that holds a value.
pub fn bucket(value: f64, bounds: &[f64]) -> usize {
    bounds.iter().position(|bound| value <= *bound).unwrap_or(bounds.len())
}
