//! Planted bugs: services modify requests as if the code had these bugs. The checks must detect
//! each one.

use model::id::{self, JobId};
use serde_json::{Value, json};
use sim::Aws;
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

#[derive(Clone, Copy, Debug)]
pub enum PlantedBug {
    /// An attempt's end is written without checking the owner.
    EndWithoutOwnerCheck,
    /// Dead letters are never received.
    DeadLettersNotReceived,
    /// Only the index is read, never the table's copy of an assignment's own job.
    IndexOnly,
    /// A quota's alerts are stored only after their mails are sent.
    MailBeforeAlert,
    /// A job expires before it ends.
    ExpiryBeforeEnd,
    /// No function has `RecursiveLoop: Allow`: messages received too often are lost.
    NoRecursiveLoop,
}

impl PlantedBug {
    pub const ALL: [Self; 6] = [
        Self::EndWithoutOwnerCheck,
        Self::DeadLettersNotReceived,
        Self::IndexOnly,
        Self::MailBeforeAlert,
        Self::ExpiryBeforeEnd,
        Self::NoRecursiveLoop,
    ];

    /// The promises it breaks; one of them must be reported.
    pub fn breaks(self) -> &'static [&'static str] {
        match self {
            // A finished job that is queued again has no message.
            Self::EndWithoutOwnerCheck => &["a job has one outcome", "every accepted job ends"],
            Self::IndexOnly => &["every accepted job ends"],
            // The minute tick sends lost messages again, which hides the loss.
            Self::DeadLettersNotReceived => &["every dead letter is handled"],
            Self::NoRecursiveLoop => &["recursive loop detection refuses no message"],
            Self::MailBeforeAlert => &["one mail per threshold, quota and period"],
            Self::ExpiryBeforeEnd => &[
                "a 202 is durable",
                "every accepted job ends",
                "nothing vanishes before its retention ends",
            ],
        }
    }

    pub fn plant(self, aws: &Aws) {
        match self {
            Self::EndWithoutOwnerCheck => aws.plant(end_without_owner_check),
            Self::DeadLettersNotReceived => aws.plant(dead_letters_not_received),
            Self::IndexOnly => aws.plant(index_only),
            Self::MailBeforeAlert => aws.plant(mail_before_alert()),
            Self::ExpiryBeforeEnd => aws.plant(expiry_before_end),
            Self::NoRecursiveLoop => aws.enforce_loop_detection(),
        }
    }
}

/// The condition of an attempt's end checks status and owner.
fn end_without_owner_check(operation: &str, request: &mut Value) -> Option<Value> {
    let condition = request["ConditionExpression"].as_str().unwrap_or_default();
    if operation == "UpdateItem" && condition.starts_with("#status = :running AND #owner = :me") {
        // Keeps only the check that the item exists.
        request["ConditionExpression"] = json!(
            "attribute_exists(pk) AND (#status = :running OR #status <> :running OR #owner = :me)"
        );
    }
    None
}

fn dead_letters_not_received(operation: &str, request: &mut Value) -> Option<Value> {
    let is_dead = request["QueueUrl"].as_str().is_some_and(|url| url.ends_with(sim::DEAD_LETTERS));
    (operation == "ReceiveMessage" && is_dead).then(|| json!({"Messages": []}))
}

/// A message's own job is read by its key, with the attributes of the index.
fn index_only(operation: &str, request: &mut Value) -> Option<Value> {
    let wanted = &request["RequestItems"][sim::TABLE];
    let is_own =
        wanted["ProjectionExpression"].as_str().is_some_and(|names| names.contains("agenda"));
    (operation == "BatchGetItem" && is_own)
        .then(|| json!({"Responses": {sim::TABLE: []}, "UnprocessedKeys": {}}))
}

/// New jobs get a TTL of ten minutes, which a claim removes. Jobs that wait longer are lost.
fn expiry_before_end(operation: &str, request: &mut Value) -> Option<Value> {
    let pk = request["Item"]["pk"]["S"].as_str().unwrap_or_default();
    if operation == "PutItem" && pk.starts_with("JOBS#") {
        let id: JobId = request["Item"]["sk"]["S"].as_str()?.parse().ok()?;
        let expires_at = (id::time_of(&id) + Duration::from_secs(600)).seconds_ceil();
        request["Item"]["expires_at"] = json!({"N": expires_at.to_string()});
    }
    None
}

/// A quota's state is stored with a lease, then mails are sent, then it is stored without the
/// lease. This bug drops the first write and makes the last one unconditional.
fn mail_before_alert() -> impl Fn(&str, &mut Value) -> Option<Value> {
    let (is_held, held) = (AtomicBool::new(false), Mutex::new(()));
    move |operation, request| {
        let _one = held.lock().unwrap();
        if operation != "PutItem" || request["Item"]["standing"].is_null() {
            return None;
        }
        if !request["Item"]["leased_until"].is_null() {
            is_held.store(true, Ordering::Relaxed);
            return Some(json!({}));
        }
        if is_held.load(Ordering::Relaxed) {
            let fields = request.as_object_mut().unwrap();
            for name in
                ["ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues"]
            {
                fields.remove(name);
            }
        }
        None
    }
}
