//! Bugs that are not there: services that do other than they are asked to, as if the code had them. Every one has to be found.

use serde_json::{Value, json};
use shared::id::{self, JobId};
use sim::Aws;
use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A bug.
#[derive(Clone, Copy, Debug)]
pub enum Planted {
    /// The end of an attempt is written whoever has the job by now.
    EndByAnybody,
    /// Nobody receives dead letters.
    DeadLettersStay,
    /// The agenda's index is trusted alone: what the table says of a permit's own job is not looked at.
    IndexAlone,
    /// A quota's alerts are put only when their mails are sent.
    MailBeforeAlert,
    /// A job's row expires before its end.
    ExpiryBeforeEnd,
    /// No function says `RecursiveLoop: Allow`: what goes round its queue too often is dropped.
    NoRecursiveLoop,
}

impl Planted {
    pub const ALL: [Self; 6] = [
        Self::EndByAnybody,
        Self::DeadLettersStay,
        Self::IndexAlone,
        Self::MailBeforeAlert,
        Self::ExpiryBeforeEnd,
        Self::NoRecursiveLoop,
    ];

    /// The promises that it breaks, of which one has to be noticed.
    pub fn breaks(self) -> &'static [&'static str] {
        match self {
            // A job that is over and then waits again has lost its message.
            Self::EndByAnybody => &["a job has one outcome", "every accepted job ends"],
            Self::IndexAlone => &["every accepted job ends"],
            // The check sends messages again, which hides that these were lost.
            Self::DeadLettersStay => &["every dead letter is handled"],
            Self::NoRecursiveLoop => &["no message is taken for a part of a loop"],
            Self::MailBeforeAlert => &["one mail per threshold, quota and period"],
            Self::ExpiryBeforeEnd => &[
                "a 202 is durable",
                "every accepted job ends",
                "nothing younger than its retention vanishes",
            ],
        }
    }

    pub fn plant(self, aws: &Aws) {
        match self {
            Self::EndByAnybody => aws.plant(end_by_anybody),
            Self::DeadLettersStay => aws.plant(dead_letters_stay),
            Self::IndexAlone => aws.plant(index_alone),
            Self::MailBeforeAlert => aws.plant(mail_before_alert()),
            Self::ExpiryBeforeEnd => aws.plant(expiry_before_end),
            Self::NoRecursiveLoop => aws.end_loops(),
        }
    }
}

/// The condition of an attempt's end names the status and the owner.
fn end_by_anybody(operation: &str, request: &mut Value) -> Option<Value> {
    let condition = request["ConditionExpression"].as_str().unwrap_or_default();
    if operation == "UpdateItem" && condition.starts_with("#status = :running AND #owner = :me") {
        // Only whose row it is remains.
        request["ConditionExpression"] = json!(
            "attribute_exists(pk) AND (#status = :running OR #status <> :running OR #owner = :me)"
        );
    }
    None
}

fn dead_letters_stay(operation: &str, request: &mut Value) -> Option<Value> {
    let is_dead = request["QueueUrl"].as_str().is_some_and(|url| url.ends_with(sim::DEAD_LETTERS));
    (operation == "ReceiveMessage" && is_dead).then(|| json!({"Messages": []}))
}

/// Permits' own jobs are read by their keys, with what an agenda needs of them.
fn index_alone(operation: &str, request: &mut Value) -> Option<Value> {
    let wanted = &request["RequestItems"][sim::TABLE];
    let is_own =
        wanted["ProjectionExpression"].as_str().is_some_and(|names| names.contains("agenda"));
    (operation == "BatchGetItem" && is_own)
        .then(|| json!({"Responses": {sim::TABLE: []}, "UnprocessedKeys": {}}))
}

/// A row is put with a TTL of ten minutes, which a claim takes away: what waits for longer is lost.
fn expiry_before_end(operation: &str, request: &mut Value) -> Option<Value> {
    let pk = request["Item"]["pk"]["S"].as_str().unwrap_or_default();
    if operation == "PutItem" && pk.starts_with("JOBS#") {
        let id: JobId = request["Item"]["sk"]["S"].as_str()?.parse().ok()?;
        let expires_at = (id::time_of(&id) + Duration::from_secs(600)).seconds_up();
        request["Item"]["expires_at"] = json!({"N": expires_at.to_string()});
    }
    None
}

/// A standing is put with a lease, then mails are sent, then it is put without. Here the first does nothing, and the last takes its place,
/// whatever is there by then.
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
