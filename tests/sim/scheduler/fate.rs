//! What becomes of occurrences where Scheduler can't do what it should.

use super::{Entry, Key};
use crate::{SCHEDULES, aws::url_of, queue::Queues};
use serde_json::{Value, json};
use std::fmt;

/// For how long Scheduler tries by itself, in seconds.
const DAY: i64 = 86_400;

/// What becomes of one occurrence of a schedule that recurs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is sent.
    OnTime,
    /// The queue can't be reached until the retry policy is exhausted. Then it is a dead letter,
    /// where the target has a queue for them, and nothing elsewhere.
    GivenUp,
    /// It is forgotten.
    Never,
}

/// An occurrence, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The schedule's name.
    pub schedule: String,
    /// When it was due, in milliseconds since 1970.
    pub due_ms: i64,
    /// What became of it.
    pub fate: Fate,
}

type Rule = dyn Fn(&str, i64) -> Fate + Send + Sync;

/// What decides, and what it decided.
#[derive(Default)]
pub(super) struct Fates {
    pub(super) rule: Option<Box<Rule>>,
    pub(super) occurrences: Vec<Occurrence>,
    pub(super) undelivered: Vec<Undelivered>,
}

/// What is a dead letter from a time on.
#[derive(Debug)]
pub(super) struct Undelivered {
    at_ms: i64,
    queue: String,
    body: String,
    attributes: Value,
}

impl Fates {
    /// What becomes of an occurrence. Schedules of single jobs are always on time.
    pub(super) fn decide(&mut self, (group, name): &Key, due_ms: i64) -> Fate {
        if group != SCHEDULES {
            return Fate::OnTime;
        }
        let fate = self.rule.as_ref().map_or(Fate::OnTime, |rule| rule(name, due_ms));
        self.occurrences.push(Occurrence { schedule: name.clone(), due_ms, fate });
        fate
    }

    /// When the next dead letter comes to a queue.
    pub(super) fn next_ms(&self, queue: &str) -> Option<i64> {
        self.undelivered
            .iter()
            .filter(|letter| letter.queue == queue)
            .map(|letter| letter.at_ms)
            .min()
    }

    /// Sends the dead letters of by now.
    pub(super) fn bury(&mut self, queues: &Queues, now_ms: i64) {
        for letter in self.undelivered.extract_if(.., |letter| letter.at_ms <= now_ms) {
            queues.put_with(&letter.queue, &letter.body, &letter.attributes);
        }
    }
}

impl Undelivered {
    /// The dead letter of an occurrence, with what Scheduler says of it, if there is a queue for it
    /// (<https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html>).
    pub(super) fn of(key: &Key, entry: &Entry, due_ms: i64) -> Option<Self> {
        let target = &entry.request["Target"];
        let queue = target["DeadLetterConfig"]["Arn"].as_str()?.rsplit(':').next()?.to_owned();
        let policy = &target["RetryPolicy"];
        let seconds = policy["MaximumEventAgeInSeconds"].as_i64().unwrap_or(DAY);
        let due = jiff::Timestamp::from_millisecond(due_ms).unwrap();
        let text = |value: &str| json!({"DataType": "String", "StringValue": value});
        let attributes = json!({
            "ERROR_CODE": text("AWS.SimpleQueueService.ServiceUnavailable"),
            "EXHAUSTED_RETRY_CONDITION": text("MaximumEventAgeInSeconds"),
            "IS_PAYLOAD_TRUNCATED": text("false"),
            "SCHEDULED_TIME": text(&format!("{due:.0}")),
            "SCHEDULE_ARN": text(&format!("arn:aws:scheduler:eu-west-1:000000000000:schedule/{}/{}", key.0, key.1)),
            "TARGET_ARN": target["Arn"].as_str().map(text),
        });
        let body = json!({"MessageBody": entry.input(due_ms), "QueueUrl": url_of(entry.queue())})
            .to_string();
        Some(Self { at_ms: due_ms + seconds * 1000, queue, body, attributes })
    }
}

impl fmt::Debug for Fates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fates").field("undelivered", &self.undelivered).finish_non_exhaustive()
    }
}
