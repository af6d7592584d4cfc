//! Partially processed batches: DynamoDB leaves throttled entries unprocessed
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).

use crate::aws::TABLE;
use serde_json::{Value, json};

/// Member of a batch request with the entries of each table.
const REQUESTS: &str = "RequestItems";

/// A request, and its unprocessed entries in the form of the response's member.
pub(crate) struct Split {
    pub(crate) request: Value,
    pub(crate) unprocessed: Option<Value>,
}

/// The item key of each entry of a batch; `None` if the call is no batch.
pub(crate) fn keys(operation: &str, request: &Value) -> Option<Vec<Value>> {
    let key_in = |item: &Value| json!({"pk": item["pk"], "sk": item["sk"]});
    let entries = entries(operation, request)?;
    Some(match operation {
        "BatchGetItem" => entries.clone(),
        _ => entries
            .iter()
            .map(|write| match &write["PutRequest"] {
                Value::Null => key_in(&write["DeleteRequest"]["Key"]),
                put => key_in(&put["Item"]),
            })
            .collect(),
    })
}

/// Removes the entries from a batch whose positions `is_left` selects. It keeps at least one entry:
/// a call that processes none fails instead.
pub(crate) fn split(operation: &str, mut request: Value, is_left: impl Fn(usize) -> bool) -> Split {
    let Some(all) = entries(operation, &request).cloned() else {
        return Split { request, unprocessed: None };
    };
    let (left, mut done): (Vec<_>, Vec<_>) =
        all.into_iter().enumerate().partition(|(nth, _)| is_left(*nth));
    let mut left: Vec<_> = left.into_iter().map(|(_, entry)| entry).collect();
    if done.is_empty() && !left.is_empty() {
        done.push((0, left.remove(0)));
    }
    if left.is_empty() {
        return Split { request, unprocessed: None };
    }
    let mut rest = request[REQUESTS].clone();
    *entries_mut(operation, &mut rest) = left.into();
    *entries_mut(operation, &mut request[REQUESTS]) =
        done.into_iter().map(|(_, entry)| entry).collect();
    Split { request, unprocessed: Some(rest) }
}

/// Adds the unprocessed entries to a response.
pub(crate) fn set_unprocessed(operation: &str, answer: &mut Value, left: Value) {
    let member = if operation == "BatchGetItem" { "UnprocessedKeys" } else { "UnprocessedItems" };
    answer[member] = left;
}

fn entries<'a>(operation: &str, request: &'a Value) -> Option<&'a Vec<Value>> {
    let of_table = &request[REQUESTS][TABLE];
    match operation {
        "BatchGetItem" => of_table["Keys"].as_array(),
        "BatchWriteItem" => of_table.as_array(),
        _ => None,
    }
}

fn entries_mut<'a>(operation: &str, requests: &'a mut Value) -> &'a mut Value {
    let of_table = &mut requests[TABLE];
    if operation == "BatchGetItem" { &mut of_table["Keys"] } else { of_table }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Aws, Fault, Plan};
    use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, PutRequest, WriteRequest};
    use std::collections::HashMap;

    fn item(sk: &str) -> HashMap<String, AttributeValue> {
        [("pk", "a"), ("sk", sk)]
            .map(|(k, v)| (k.to_owned(), AttributeValue::S(v.to_owned())))
            .into()
    }

    #[tokio::test(start_paused = true)]
    async fn partial_batches_return_unprocessed_entries() {
        let aws = Aws::new();
        aws.inject(Plan::only("BatchWriteItem", 1, Fault::Partial(0b10)).or(Plan::only(
            "BatchGetItem",
            1,
            Fault::Partial(u64::MAX),
        )));
        let puts = ["1", "2", "3"].map(|sk| {
            let put = PutRequest::builder().set_item(Some(item(sk))).build().unwrap();
            WriteRequest::builder().put_request(put).build()
        });
        let wrote = aws.dynamodb().batch_write_item().request_items(TABLE, puts.to_vec());
        let left = wrote.send().await.unwrap().unprocessed_items.unwrap();
        assert_eq!(left[TABLE].len(), 1);
        assert_eq!(left[TABLE][0].put_request().unwrap().item, item("2"));
        assert_eq!(aws.items().len(), 2);

        let keys = ["1", "2", "3"].map(item).to_vec();
        let wanted =
            KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let read = aws.dynamodb().batch_get_item().request_items(TABLE, wanted.unwrap());
        let answer = read.send().await.unwrap();
        assert_eq!(answer.responses.unwrap()[TABLE], [item("1")]);
        let left = &answer.unprocessed_keys.unwrap()[TABLE];
        assert_eq!((left.keys(), left.consistent_read), (&[item("2"), item("3")][..], Some(true)));
        assert_eq!(aws.heal(), 2);
    }
}
