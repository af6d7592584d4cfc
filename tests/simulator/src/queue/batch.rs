//! Batch requests of up to ten entries, each with its own result.

use super::error::QueueError;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// SQS's maximum number of entries per batch.
const LARGEST_BATCH: usize = 10;

/// Calls `work` for each entry and collects successes and failures under the entries' ids.
pub(super) fn each_entry(
    request: &Value,
    work: impl Fn(&Value) -> Result<Value, QueueError>,
) -> Result<Value, QueueError> {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries(request)? {
        match work(entry) {
            Ok(mut success) => {
                success["Id"] = entry["Id"].clone();
                successful.push(success);
            }
            Err(error) => failed.push(error.of_entry(&entry["Id"])),
        }
    }
    Ok(json!({"Successful": successful, "Failed": failed}))
}

fn entries(request: &Value) -> Result<&[Value], QueueError> {
    let entries = request["Entries"].as_array().map_or(&[][..], Vec::as_slice);
    let ids: BTreeSet<_> = entries.iter().map(|entry| entry["Id"].as_str()).collect();
    match entries.len() {
        0 => Err(QueueError::EmptyBatch),
        count if count > LARGEST_BATCH => Err(QueueError::TooManyEntries),
        count if count > ids.len() => Err(QueueError::RepeatedEntryId),
        _ => Ok(entries),
    }
}
