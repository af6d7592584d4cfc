//! Throughput limits per partition key; requests beyond them are throttled
//! (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html>).

use super::batch;
use crate::{clock::SimClock, ledger::Line};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

/// Units used in the current second, by partition.
#[derive(Debug)]
pub(crate) struct Partitions {
    clock: SimClock,
    reads: f64,
    writes: f64,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    second: i64,
    by_partition: BTreeMap<String, Line>,
}

/// Which part of a call is processed.
pub(super) enum Admitted {
    /// The whole call, or the entries of a batch whose partitions are below their limits.
    Done(Box<batch::Split>),
    Throttled,
}

impl Partitions {
    /// Limits in units per second and partition. DynamoDB's own are 3,000 and 1,000.
    pub(super) fn limited(clock: SimClock, reads: f64, writes: f64) -> Self {
        Self { clock, reads, writes, used: Mutex::default() }
    }

    /// Decides which part of a call is processed.
    pub(super) fn admit(&self, operation: &str, request: Value) -> Admitted {
        let partitions = partitions_of(operation, &request);
        let used = self.used();
        let is_hot = |partition: &String| {
            let used = used.by_partition.get(partition).copied().unwrap_or_default();
            used.read_units >= self.reads || used.write_units >= self.writes
        };
        let hot: Vec<_> = partitions.iter().map(is_hot).collect();
        let (any, all) = (hot.contains(&true), !hot.contains(&false));
        if any && (all || batch::keys(operation, &request).is_none()) {
            return Admitted::Throttled;
        }
        Admitted::Done(Box::new(batch::split(operation, request, |nth| hot[nth])))
    }

    /// Divides the billed units of a call evenly among its partitions.
    pub(super) fn charge(&self, operation: &str, request: &Value, line: &Line) {
        let partitions = partitions_of(operation, request);
        let parts = f64::from(u32::try_from(partitions.len()).unwrap());
        let mut used = self.used();
        for partition in partitions {
            let sum = used.by_partition.entry(partition).or_default();
            sum.read_units += line.read_units / parts;
            sum.write_units += line.write_units / parts;
        }
    }

    /// Use in the current second.
    fn used(&self) -> MutexGuard<'_, Used> {
        let (second, mut used) = (self.clock.now_ms().div_euclid(1000), self.used.lock().unwrap());
        if used.second != second {
            *used = Used { second, by_partition: BTreeMap::new() };
        }
        used
    }
}

/// The partition of each item of a call.
fn partitions_of(operation: &str, request: &Value) -> Vec<String> {
    let of_key = |key: &Value| key["pk"]["S"].as_str().unwrap_or_default().to_owned();
    match operation {
        "PutItem" => vec![of_key(&request["Item"])],
        "GetItem" | "UpdateItem" | "DeleteItem" => vec![of_key(&request["Key"])],
        "Query" => {
            let condition = request["KeyConditionExpression"].as_str().unwrap_or_default();
            let named = condition.split_whitespace().find(|word| word.starts_with(':'));
            let value = &request["ExpressionAttributeValues"][named.unwrap_or_default()]["S"];
            let index = request["IndexName"].as_str().map(|index| format!("{index}/"));
            vec![index.unwrap_or_default() + value.as_str().unwrap_or_default()]
        }
        "TransactWriteItems" | "TransactGetItems" => {
            let items = request["TransactItems"].as_array().into_iter().flatten();
            let keys = items.filter_map(|item| {
                let (kind, action) = item.as_object()?.iter().next()?;
                Some(of_key(&action[if kind == "Put" { "Item" } else { "Key" }]))
            });
            keys.collect()
        }
        _ => batch::keys(operation, request).unwrap_or_default().iter().map(of_key).collect(),
    }
}

#[cfg(test)]
mod tests {
    use crate::{Aws, aws::tests::put};
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn partition_throttles_writes_above_its_limit() {
        let aws = Aws::new();
        aws.limit_partitions(30.0, 10.0);
        let once = aws_sdk_dynamodb::Client::from_conf(
            aws_sdk_dynamodb::config::Builder::from(&aws.sdk_config())
                .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled())
                .build(),
        );
        for second in 0..3 {
            for nth in 0..20 {
                let written = put(&once, &format!("{second} {nth}")).await;
                assert_eq!(written.is_ok(), nth < 10, "{second} {nth}: {written:?}");
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
