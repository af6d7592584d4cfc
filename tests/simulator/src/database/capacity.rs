//! Billed units of DynamoDB calls.

use crate::ledger::Line;
use dynoxide::{DynoxideError, types};
use serde_json::Value;

/// Requests the consumed capacity for the ledger; false if the caller requested it already.
pub(super) fn request_consumed_capacity(operation: &str, request: &mut Value) -> bool {
    let Some(fields) = request.as_object_mut() else { return false };
    if !is_billed(operation) || fields.contains_key("ReturnConsumedCapacity") {
        return false;
    }
    fields.insert("ReturnConsumedCapacity".to_owned(), "TOTAL".into());
    true
}

/// Consumed capacity in a response. Single calls and batches report one number per table, and the
/// operation determines its kind. Transactions report the kind, because the replay of a written
/// transaction is billed as a read.
pub(super) fn consumed(operation: &str, answer: &Value) -> Line {
    let mut line = Line { calls: 1, ..Line::default() };
    let capacity = &answer["ConsumedCapacity"];
    let tables = capacity.as_array().map_or(std::slice::from_ref(capacity), Vec::as_slice);
    for table in tables {
        let named = (table["ReadCapacityUnits"].as_f64(), table["WriteCapacityUnits"].as_f64());
        let units = table["CapacityUnits"].as_f64().unwrap_or_default();
        let (read, write) = match named {
            (None, None) if is_write(operation) => (0.0, units),
            (None, None) => (units, 0.0),
            (read, write) => (read.unwrap_or_default(), write.unwrap_or_default()),
        };
        line.read_units += read;
        line.write_units += write;
    }
    line
}

/// Cost of a failed condition: the write it prevented, sized by the existing item. If the size is
/// unknown the item counts as small, as do all items of a transaction.
pub(super) fn failed(error: &DynoxideError, request: &Value) -> Line {
    let write_units = match error {
        DynoxideError::ConditionalCheckFailedException(_, item) => {
            types::write_capacity_units(item.as_ref().map_or(0, types::item_size))
        }
        DynoxideError::TransactionCanceledException(..) => {
            let items = request["TransactItems"].as_array().map_or(0, Vec::len);
            types::TRANSACTIONAL_CAPACITY_FACTOR * f64::from(u32::try_from(items).unwrap())
        }
        _ => 0.0,
    };
    Line { calls: 1, write_units, ..Line::default() }
}

fn is_billed(operation: &str) -> bool {
    is_write(operation) || operation.contains("Get") || matches!(operation, "Query" | "Scan")
}

fn is_write(operation: &str) -> bool {
    matches!(
        operation,
        "PutItem" | "UpdateItem" | "DeleteItem" | "BatchWriteItem" | "TransactWriteItems"
    )
}

#[cfg(test)]
mod tests {
    use crate::{aws::TABLE, clock::SimClock, database::Database, ledger::Ledger};
    use serde_json::{Value, json};

    fn bill(calls: impl IntoIterator<Item = (&'static str, Value)>) -> String {
        let database = Database::open(SimClock::new(crate::START_MS));
        let mut ledger = Ledger::default();
        for (operation, mut request) in calls {
            if operation != "TransactWriteItems" {
                request["TableName"] = TABLE.into();
            }
            ledger.record(operation, database.call(operation, request).1);
        }
        ledger.to_string()
    }

    #[tokio::test]
    async fn units_follow_size_consistency_and_transactions() {
        let key = json!({"pk": {"S": "a"}, "sk": {"S": "1"}});
        let item = json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "text": {"S": "x".repeat(1_500)}});
        let put = json!({"Put": {"TableName": TABLE, "Item": item}});
        let calls = [
            ("PutItem", json!({"Item": item})),
            ("GetItem", json!({"Key": key})),
            ("GetItem", json!({"Key": key, "ConsistentRead": true})),
            ("TransactWriteItems", json!({"TransactItems": [put], "ClientRequestToken": "t"})),
            ("TransactWriteItems", json!({"TransactItems": [put], "ClientRequestToken": "t"})),
        ];
        insta::assert_snapshot!(bill(calls), @"
        operation           calls  messages  read  write
        GetItem                 2         0   1.5      0
        PutItem                 1         0     0      2
        TransactWriteItems      2         0     2      4
        total                   5         0   3.5      6
        ");
    }

    #[tokio::test]
    async fn failed_condition_is_billed_as_the_write() {
        let item = json!({"pk": {"S": "a"}, "sk": {"S": "1"}, "text": {"S": "x".repeat(1_500)}});
        let again = json!({
            "Item": item,
            "ConditionExpression": "attribute_not_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        });
        insta::assert_snapshot!(bill([("PutItem", again.clone()), ("PutItem", again)]), @"
        operation  calls  messages  read  write
        PutItem        2         0     0      4
        total          2         0     0      4
        ");
    }
}
