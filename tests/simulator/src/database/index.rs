//! The eventually consistent `agenda` index.
//!
//! A second database receives the writes to jobs in order but later, and serves reads of the index.

use crate::{aws::TABLE, clock::SimClock, seed::Seed};
use serde_json::{Value, json};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use super::Database;

#[derive(Clone, Debug)]
pub(super) struct Index {
    replica: Database,
    clock: SimClock,
    longest: Duration,
    seed: Seed,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Writes not applied yet: time of application in milliseconds, the item's key, and the item
    /// unless it was deleted.
    pending: VecDeque<(i64, Value, Option<Value>)>,
    writes: u64,
}

impl Index {
    /// An index up to `longest` behind its table.
    pub(super) fn lagging(clock: SimClock, longest: Duration, seed: Seed) -> Self {
        Self { replica: Database::open(clock), clock, longest, seed, state: Arc::default() }
    }

    /// Whether a request reads the index.
    pub(super) fn serves(operation: &str, request: &Value) -> bool {
        matches!(operation, "Query" | "Scan") && !request["IndexName"].is_null()
    }

    /// The replica with all writes applied that are due by now.
    pub(super) fn read(&self) -> &Database {
        let now = self.clock.now_ms();
        let mut state = self.state.lock().unwrap();
        while let Some((_, key, item)) = state.pending.pop_front_if(|(at, ..)| *at <= now) {
            let (operation, request) = match item {
                Some(item) => ("PutItem", json!({"TableName": TABLE, "Item": item})),
                None => ("DeleteItem", json!({"TableName": TABLE, "Key": key})),
            };
            self.replica.dispatch(operation, &request).unwrap();
        }
        &self.replica
    }

    /// Queues the new state of each item that a call wrote.
    pub(super) fn record_write(&self, table: &Database, operation: &str, request: &Value) {
        for key in written(operation, request).into_iter().filter(is_of_a_job) {
            let get = json!({"TableName": TABLE, "Key": key, "ConsistentRead": true});
            let item = table.dispatch("GetItem", &get).unwrap()["Item"].take();
            let mut state = self.state.lock().unwrap();
            state.writes += 1;
            let longest = u64::try_from(self.longest.as_millis()).unwrap();
            // Most lags are short, one in eight is drawn up to the longest.
            let draw = self.seed.draw("index", state.writes);
            let lag = 1 + draw / 16 % if draw.is_multiple_of(8) { longest } else { longest / 20 };
            let last = state.pending.back().map_or(0, |(at, ..)| *at);
            let at = last.max(self.clock.now_ms() + i64::try_from(lag).unwrap());
            state.pending.push_back((at, key, Some(item).filter(Value::is_object)));
        }
    }
}

/// Keys of the items that a call wrote.
fn written(operation: &str, request: &Value) -> Vec<Value> {
    let key_in = |item: &Value| json!({"pk": item["pk"], "sk": item["sk"]});
    match operation {
        "PutItem" => vec![key_in(&request["Item"])],
        "UpdateItem" | "DeleteItem" => vec![key_in(&request["Key"])],
        "BatchWriteItem" => super::batch::keys(operation, request).unwrap_or_default(),
        "TransactWriteItems" => {
            let items = request["TransactItems"].as_array().into_iter().flatten();
            let keys = items.filter_map(|item| {
                let (kind, action) = item.as_object()?.iter().next()?;
                Some(key_in(&action[if kind == "Put" { "Item" } else { "Key" }]))
            });
            keys.collect()
        }
        _ => Vec::new(),
    }
}

fn is_of_a_job(key: &Value) -> bool {
    key["pk"]["S"].as_str().is_some_and(|pk| pk.starts_with("JOBS#"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn index_shows_writes_late_and_in_order() {
        let clock = SimClock::new(crate::START_MS);
        let database = Database::open(clock);
        database.lag(clock, Duration::from_secs(4), Seed(1));
        let listed = || {
            let (condition, values) = ("agenda = :agenda", json!({":agenda": {"S": "a"}}));
            let query = json!({
                "TableName": TABLE,
                "IndexName": "agenda",
                "KeyConditionExpression": condition,
                "ExpressionAttributeValues": values,
            });
            let (answer, _) = database.call("Query", query);
            answer.body["Count"].as_u64().unwrap()
        };
        for n in 0..20 {
            let key = json!({"pk": {"S": "JOBS#a"}, "sk": {"S": "1"}});
            let mut item = key.clone();
            (item["agenda"], item["rank"]) = (json!({"S": "a"}), json!({"S": n.to_string()}));
            database.call("PutItem", json!({"TableName": TABLE, "Item": item}));
            assert_eq!(listed(), 0, "it can't be there yet");
            tokio::time::sleep(Duration::from_secs(4)).await;
            assert_eq!(listed(), 1);
            database.call("DeleteItem", json!({"TableName": TABLE, "Key": key}));
            assert_eq!(listed(), 1, "it can't be gone yet");
            tokio::time::sleep(Duration::from_secs(4)).await;
            assert_eq!(listed(), 0);
        }
    }
}
