//! Jobs' targets, the receiver of callbacks, and a gateway's Prometheus page: one in-process
//! router.

use crate::ActorRng;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    routing::{get, post},
};
use http::{HeaderMap, Response};
use serde_json::Value;
use sim::{ConnectionAborted, Seed, promises::Delivery};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// The requests that targets received, and their state.
#[derive(Clone)]
pub struct Targets(Arc<Mutex<TargetState>>);

struct TargetState {
    seed: Seed,
    is_calm: bool,
    deliveries: Vec<Delivery>,
    /// The gateway's counter in bytes.
    counter: u64,
    asked: u64,
}

/// How a target responds to a request.
enum TargetBehavior {
    Answers(u16),
    /// Responds after a delay.
    Late(Duration),
    /// Responds 429 with `Retry-After` in seconds.
    Busy(u64),
    Hangs,
    Aborts,
}

impl Targets {
    pub fn new(seed: Seed) -> Self {
        Self(Arc::new(Mutex::new(TargetState {
            seed,
            is_calm: false,
            deliveries: Vec::new(),
            counter: 0,
            asked: 0,
        })))
    }

    /// Targets respond to everything from now on.
    pub fn always_succeed(&self) {
        self.0.lock().unwrap().is_calm = true;
    }

    /// Sets the gateway's counter.
    pub fn set_counter(&self, bytes: u64) {
        self.0.lock().unwrap().counter = bytes;
    }

    /// Every request in order of arrival.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.0.lock().unwrap().deliveries.clone()
    }

    /// Records a request. Returns its index and how the target responds.
    fn take(&self, delivery: Delivery) -> (usize, TargetBehavior) {
        let mut known = self.0.lock().unwrap();
        let nth = known.deliveries.len();
        known.deliveries.push(delivery);
        let dice = ActorRng::new(known.seed, format!("delivery {nth}"));
        (nth, if known.is_calm { TargetBehavior::Answers(200) } else { random_behavior(&dice) })
    }

    fn answer(&self, nth: usize, status: u16) -> Response<Body> {
        self.0.lock().unwrap().deliveries[nth].answered = status;
        Response::builder().status(status).body(Body::from(r#"{"done":true}"#)).unwrap()
    }
}

fn random_behavior(dice: &ActorRng) -> TargetBehavior {
    match dice.in_range(0..100) {
        0..35 => TargetBehavior::Answers(200),
        35..63 => TargetBehavior::Answers(503),
        63..68 => TargetBehavior::Answers(500),
        68..72 => TargetBehavior::Answers(400),
        72..80 => TargetBehavior::Busy(dice.in_range(1..6)),
        80..88 => TargetBehavior::Late(dice.millis(500..2900)),
        88..94 => TargetBehavior::Hangs,
        _ => TargetBehavior::Aborts,
    }
}

pub fn router(targets: Targets) -> Router {
    let work = |targets, headers, body| take(targets, headers, body, false);
    let callback = |targets, headers, body| take(targets, headers, body, true);
    Router::new()
        .route("/work", post(work))
        .route("/told", post(callback))
        .route("/slow", post(slow))
        .route("/metrics", get(metrics))
        .with_state(targets)
}

async fn take(
    State(targets): State<Targets>,
    headers: HeaderMap,
    body: Bytes,
    is_callback: bool,
) -> Response<Body> {
    let field = |name: &str| headers[name].to_str().unwrap().to_owned();
    let delivery = Delivery {
        id: field("webhook-id"),
        attempt: field("tollgate-attempt").parse().unwrap(),
        body: serde_json::from_slice(&body).unwrap(),
        is_callback,
        answered: 0,
    };
    let (nth, way) = targets.take(delivery);
    match way {
        TargetBehavior::Answers(status) => targets.answer(nth, status),
        TargetBehavior::Late(pause) => {
            tokio::time::sleep(pause).await;
            targets.answer(nth, 200)
        }
        TargetBehavior::Busy(seconds) => {
            let mut answer = targets.answer(nth, 429);
            answer.headers_mut().insert("retry-after", seconds.into());
            answer
        }
        TargetBehavior::Hangs => std::future::pending().await,
        TargetBehavior::Aborts => {
            let mut answer = Response::new(Body::empty());
            answer.extensions_mut().insert(ConnectionAborted);
            answer
        }
    }
}

/// Takes almost as long as a target may, so that jobs wait for their turn.
async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_secs(9)).await;
    "{}"
}

/// Kong's Prometheus page, which sometimes fails.
async fn metrics(State(targets): State<Targets>) -> Response<Body> {
    let (dice, counter, is_calm) = {
        let mut known = targets.0.lock().unwrap();
        known.asked += 1;
        (ActorRng::new(known.seed, format!("page {}", known.asked)), known.counter, known.is_calm)
    };
    if !is_calm && dice.chance(15) {
        return Response::builder().status(503).body(Body::empty()).unwrap();
    }
    if !is_calm && dice.chance(5) {
        return std::future::pending().await;
    }
    let page =
        format!("kong_bandwidth{{service=\"shop\",route=\"cart\",type=\"egress\"}} {counter}\n");
    Response::new(Body::from(page))
}

pub fn payload(mark: &str) -> Value {
    serde_json::json!({"mark": mark, "number": 1.5})
}
