//! What the tests of events need of a server: accounts and events as the contract has them, kept while the server is away.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use axum::{
    Json, Router,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::{Value, json};
use shared::time::Time;
use tokio::{net::TcpListener, runtime::Runtime, sync::watch};

/// The key that it takes.
pub const KEY: &str = "tg_operator";

/// A server of events that can go away and come back.
pub struct Publisher {
    address: String,
    kept: Arc<Kept>,
    runtime: Option<Runtime>,
}

/// What outlives an outage.
struct Kept {
    accounts: Value,
    events: Mutex<Vec<Value>>,
    news: watch::Sender<usize>,
    asked: watch::Sender<usize>,
}

impl Publisher {
    /// A server with these accounts.
    pub fn start(names: &[&str]) -> Self {
        let accounts: Vec<Value> =
            names.iter().map(|name| json!({"id": id(name), "name": name, "is_active": true})).collect();
        let kept = Kept {
            accounts: json!({"items": accounts, "next_cursor": null}),
            events: Mutex::default(),
            news: watch::channel(0).0,
            asked: watch::channel(0).0,
        };
        let mut publisher = Self { address: "127.0.0.1:0".into(), kept: Arc::new(kept), runtime: None };
        publisher.come_back();
        publisher
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends the server with all of its connections; what was published stays.
    pub fn go_away(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }

    /// Starts it again at the same address.
    pub fn come_back(&mut self) {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind(&self.address)).unwrap();
        self.address = listener.local_addr().unwrap().to_string();
        let routes = Router::new()
            .route("/v1/accounts", get(accounts))
            .route("/v1/events", get(events))
            .with_state(self.kept.clone());
        runtime.spawn(axum::serve(listener, routes).into_future());
        self.runtime = Some(runtime);
    }

    /// Publishes data as an account.
    pub fn publish(&self, account: &str, data: Value, time: Time) {
        let mut events = self.kept.events.lock().unwrap();
        let number = events.len();
        events.push(json!({"id": format!("evt_{number}"), "account_id": id(account), "time": time, "type": "data", "data": data, "source": "host-1"}));
        self.kept.news.send_replace(events.len());
    }

    /// Waits until somebody has asked for events, so many times in all.
    pub fn wait_for_questions(&self, times: usize) {
        let mut asked = self.kept.asked.subscribe();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let enough = async {
            tokio::time::timeout(Duration::from_secs(20), asked.wait_for(|asked| *asked >= times))
                .await
                .is_ok()
        };
        assert!(runtime.block_on(enough), "nobody asked for events");
    }
}

/// An account's id.
pub fn id(name: &str) -> String {
    format!("acc_{name}")
}

async fn accounts(State(kept): State<Arc<Kept>>, headers: HeaderMap) -> Response {
    refusal(&headers).unwrap_or_else(|| Json(kept.accounts.clone()).into_response())
}

async fn events(State(kept): State<Arc<Kept>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if let Some(refusal) = refusal(&headers) {
        return refusal;
    }
    let query = query.unwrap_or_default();
    let of = |name: &str| -> Vec<String> {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).collect()
    };
    let (accounts, after) = (of("account"), of("after"));
    let after: usize = after.first().map_or(0, |cursor| cursor.parse().unwrap());
    let mut news = kept.news.subscribe();
    kept.asked.send_modify(|asked| *asked += 1);
    if headers.contains_key("prefer") {
        let _ = tokio::time::timeout(Duration::from_secs(20), news.wait_for(|count| *count > after)).await;
    }
    let events = kept.events.lock().unwrap();
    let items: Vec<&Value> = events
        .iter()
        .skip(after)
        .filter(|event| accounts.iter().any(|account| event["account_id"] == **account))
        .collect();
    let date = httpdate::fmt_http_date(SystemTime::now());
    ([(header::DATE, date)], Json(json!({"items": items, "next_cursor": events.len().to_string()})))
        .into_response()
}

/// What somebody with another key gets.
fn refusal(headers: &HeaderMap) -> Option<Response> {
    let is_known =
        headers.get(header::AUTHORIZATION).is_some_and(|value| value == format!("Bearer {KEY}").as_str());
    (!is_known).then(|| StatusCode::UNAUTHORIZED.into_response())
}
