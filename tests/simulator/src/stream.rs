//! The table's stream as `push`'s event source mapping filters it: the keys of new events.

use serde_json::{Value, json};
use std::sync::Mutex;

/// Records that are not delivered yet.
#[derive(Debug, Default)]
pub(crate) struct Stream(Mutex<Vec<Value>>);

impl Stream {
    pub(crate) fn record_write(&self, operation: &str, request: &Value) {
        let (pk, sk) = (&request["Item"]["pk"], &request["Item"]["sk"]);
        if operation == "PutItem" && pk["S"].as_str().is_some_and(|pk| pk.starts_with("EVENTS#")) {
            self.0
                .lock()
                .unwrap()
                .push(json!({"eventName": "INSERT", "dynamodb": {"Keys": {"pk": pk, "sk": sk}}}));
        }
    }

    /// The next batch of up to `most` records as Lambda delivers it; `None` if there are none.
    pub(crate) fn take(&self, most: usize) -> Option<Value> {
        let mut records = self.0.lock().unwrap();
        let batch: Vec<_> = {
            let n = most.min(records.len());
            records.drain(..n).collect()
        };
        (!batch.is_empty()).then(|| json!({"Records": batch}))
    }
}
