//! Publishers that retry until each event is accepted.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use live_stack::{JOB_TIMEOUT, stack};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::subscriber::EventTag;

/// When the publication of each event began, and when it was accepted.
pub type Accepted = BTreeMap<EventTag, (Instant, Instant)>;

/// An account with a key for publishing.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: String,
    key: String,
}

impl Account {
    pub async fn create(name: &str) -> Self {
        let stack = stack();
        let id =
            stack.operate(Method::POST, "/v1/accounts", Some(json!({"name": name}))).await.id();
        let key = Some(json!({"name": "writer", "scopes": ["events:write"]}));
        let key = stack.operate(Method::POST, &format!("/v1/accounts/{id}/keys"), key).await;
        Self { id, key: key.body["secret"].as_str().unwrap().to_owned() }
    }

    /// Publishes an event, with retries until it is accepted.
    pub async fn publish(&self, data: &Value, repeat: &str) {
        let path = format!("/v1/accounts/{}/events", self.id);
        let deadline = Instant::now() + JOB_TIMEOUT;
        loop {
            let (headers, body) = ([("idempotency-key", repeat)], Some(json!({"data": data})));
            let answer = stack().try_as(&self.key, Method::POST, &path, &headers, body).await;
            // The stack is down, or an earlier attempt is still in progress.
            let later =
                answer.as_ref().map_or(true, |answer| answer.status == 409 || answer.status >= 500);
            if answer.as_ref().is_ok_and(|answer| answer.status == 202) {
                return;
            }
            assert!(later && Instant::now() < deadline, "{data} was not accepted: {answer:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Publishes events one after another.
#[derive(Debug)]
pub struct Writer {
    pub writer: usize,
    pub account: Account,
}

impl Writer {
    /// Publishes this number of events, and counts each in `progress`.
    pub async fn publish(self, events: usize, progress: watch::Sender<usize>) -> Accepted {
        let mut accepted = Accepted::new();
        for n in 0..events {
            let tagged = EventTag { account: self.account.id.clone(), writer: self.writer, n };
            let begun = Instant::now();
            let data = json!({"writer": self.writer, "n": n});
            self.account.publish(&data, &format!("{}-{n}", self.writer)).await;
            accepted.insert(tagged, (begun, Instant::now()));
            progress.send_modify(|count| *count += 1);
        }
        accepted
    }
}
