//! DynamoDB: dynoxide, called inline.
//!
//! Calls don't run on a blocking thread. They take about a millisecond, and the paused clock would
//! jump ahead while another thread works.

pub(crate) mod batch;
mod capacity;
mod index;
mod partitions;

use crate::{
    aws::{Service, TABLE},
    clock::SimClock,
    ledger::Line,
    seed::Seed,
    service_response::ServiceResponse,
};
use dynoxide::DynoxideError;
use index::Index;
use partitions::{Admitted, Partitions};
use serde_json::{Value, json};
use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// The tables of one account.
#[derive(Clone)]
pub(crate) struct Database {
    tables: dynoxide::Database,
    clock: SimClock,
    /// Set if the index lags behind the table.
    index: Arc<OnceLock<Index>>,
    /// Set if partitions have throughput limits.
    partitions: Arc<OnceLock<Partitions>>,
}

impl Database {
    /// A database with Tollgate's table.
    pub(crate) fn open(clock: SimClock) -> Self {
        let tables = dynoxide::Database::memory_with_clock(Arc::new(clock)).unwrap();
        let database = Self { tables, clock, index: Arc::default(), partitions: Arc::default() };
        for (operation, request) in [("CreateTable", table()), ("UpdateTimeToLive", time_to_live())]
        {
            database.dispatch(operation, &request).unwrap();
        }
        database
    }

    /// Delays the index by up to `longest` from now on.
    pub(crate) fn lag(&self, clock: SimClock, longest: Duration, seed: Seed) {
        self.index.set(Index::lagging(clock, longest, seed)).expect("the index lags once");
    }

    /// Limits the units per second of each partition from now on.
    pub(crate) fn limit(&self, clock: SimClock, reads: f64, writes: f64) {
        let partitions = Partitions::limited(clock, reads, writes);
        self.partitions.set(partitions).expect("partitions are limited once");
    }

    /// Handles a request. Returns the response and the billed units.
    pub(crate) fn call(&self, operation: &str, request: Value) -> (ServiceResponse, Line) {
        let Some(partitions) = self.partitions.get() else { return self.serve(operation, request) };
        match partitions.admit(operation, request) {
            Admitted::Throttled => {
                (Service::DynamoDb.throttle(), Line { calls: 1, ..Line::default() })
            }
            Admitted::Done(split) => {
                let (mut answer, line) = self.serve(operation, split.request.clone());
                partitions.charge(operation, &split.request, &line);
                if let Some(left) = split.unprocessed.filter(|_| answer.is_ok()) {
                    batch::set_unprocessed(operation, &mut answer.body, left);
                }
                (answer, line)
            }
        }
    }

    fn serve(&self, operation: &str, mut request: Value) -> (ServiceResponse, Line) {
        let asked = capacity::request_consumed_capacity(operation, &mut request);
        let source = match self.index.get() {
            Some(index) if Index::serves(operation, &request) => index.read(),
            _ => self,
        };
        match source.dispatch(operation, &request) {
            Ok(mut body) => {
                if let Some(index) = self.index.get() {
                    index.record_write(self, operation, &request);
                }
                let line = capacity::consumed(operation, &body);
                if asked && let Some(fields) = body.as_object_mut() {
                    fields.remove("ConsumedCapacity");
                }
                (ServiceResponse::ok(body), line)
            }
            Err(error) => {
                let body = serde_json::from_str(&error.to_json()).unwrap();
                let line = capacity::failed(&error, &request);
                (ServiceResponse { status: error.status_code(), body, query_error: None }, line)
            }
        }
    }

    /// Every item of Tollgate's table in DynamoDB's JSON.
    pub(crate) fn items(&self) -> Vec<Value> {
        self.scan(json!({"TableName": TABLE, "ConsistentRead": true}))
    }

    fn scan(&self, mut request: Value) -> Vec<Value> {
        let (mut items, mut start) = (Vec::new(), Value::Null);
        loop {
            if !start.is_null() {
                request["ExclusiveStartKey"] = start;
            }
            let mut page = self.dispatch("Scan", &request).unwrap();
            items.extend(page["Items"].as_array().unwrap().iter().cloned());
            start = page["LastEvaluatedKey"].take();
            if start.is_null() {
                return items;
            }
        }
    }

    /// Deletes the expired items and returns their number. Dynoxide's own sweep misses items in
    /// tables with more than 25.
    pub(crate) fn sweep_ttl(&self) -> usize {
        let seconds = self.clock.now_ms() / 1000;
        let expired = self.scan(json!({
            "TableName": TABLE, "ConsistentRead": true, "ProjectionExpression": "pk, sk",
            "FilterExpression": "expires_at < :now",
            "ExpressionAttributeValues": {":now": {"N": seconds.to_string()}},
        }));
        for key in &expired {
            let (answer, _) = self.serve("DeleteItem", json!({"TableName": TABLE, "Key": key}));
            assert!(answer.is_ok(), "{answer:?}");
        }
        expired.len()
    }

    /// Serializes the request to text first, because dynoxide's deserializers expect text.
    fn dispatch(&self, operation: &str, request: &Value) -> dynoxide::Result<Value> {
        macro_rules! route {
            ($($name:literal => $method:ident,)*) => {
                match operation {
                    $($name => {
                        let request = serde_json::from_str(&request.to_string())
                            .map_err(deserialization_error)?;
                        Ok(serde_json::to_value(self.tables.$method(request)?).unwrap())
                    })*
                    other => panic!("the sim's DynamoDB has no {other} yet: add it here"),
                }
            };
        }
        route! {
            "BatchGetItem" => batch_get_item,
            "BatchWriteItem" => batch_write_item,
            "CreateTable" => create_table,
            "DeleteItem" => delete_item,
            "DescribeTable" => describe_table,
            "DescribeTimeToLive" => describe_time_to_live,
            "GetItem" => get_item,
            "PutItem" => put_item,
            "Query" => query,
            "Scan" => scan,
            "TransactGetItems" => transact_get_items,
            "TransactWriteItems" => transact_write_items,
            "UpdateItem" => update_item,
            "UpdateTimeToLive" => update_time_to_live,
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Database")
    }
}

fn table() -> Value {
    json!({
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "agenda", "AttributeType": "S"},
            {"AttributeName": "rank", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        "GlobalSecondaryIndexes": [{
            "IndexName": "agenda",
            "KeySchema": [
                {"AttributeName": "agenda", "KeyType": "HASH"},
                {"AttributeName": "rank", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["due_at"]},
        }],
    })
}

fn time_to_live() -> Value {
    json!({
        "TableName": TABLE,
        "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": true},
    })
}

/// dynoxide reports its own validation errors as syntax errors, with only this prefix to
/// distinguish them.
fn deserialization_error(error: serde_json::Error) -> DynoxideError {
    let error = error.to_string();
    match error.split_once("VALIDATION:") {
        Some((_, refusal)) => DynoxideError::ValidationException(refusal.to_owned()),
        None => DynoxideError::SerializationException(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn sweep_deletes_expired_items() {
        let clock = SimClock::new(crate::START_MS);
        let database = Database::open(clock);
        for (sk, lives_seconds) in [("short", 60), ("long", 6_000)] {
            let expires_at = (clock.now_ms() / 1_000 + lives_seconds).to_string();
            let item = json!({"pk": {"S": "a"}, "sk": {"S": sk}, "expires_at": {"N": expires_at}});
            let (answer, _) = database.call("PutItem", json!({"TableName": TABLE, "Item": item}));
            assert!(answer.is_ok());
        }
        assert_eq!(database.sweep_ttl(), 0);

        tokio::time::sleep(std::time::Duration::from_secs(61)).await;
        assert_eq!(database.sweep_ttl(), 1);
        assert_eq!(database.items()[0]["sk"]["S"], "long");
    }

    #[tokio::test(start_paused = true)]
    async fn sweep_deletes_all_expired_items_of_a_large_table() {
        let database = Database::open(SimClock::new(crate::START_MS));
        for n in 0..1000 {
            let expires_at = (crate::START_MS / 1000 + 60 + n % 2 * 6000).to_string();
            let (pk, sk) = (json!({"S": format!("p{}", n % 90)}), json!({"S": n.to_string()}));
            let item = json!({"pk": pk, "sk": sk, "expires_at": {"N": expires_at}});
            database.call("PutItem", json!({"TableName": TABLE, "Item": item}));
        }
        tokio::time::sleep(std::time::Duration::from_secs(61)).await;
        assert_eq!(database.sweep_ttl(), 500);
    }
}
