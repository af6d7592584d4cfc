//! Fates of occurrences, including Scheduler's failures.

use super::{Entry, Key};
use crate::{SCHEDULES, aws::url_of, queue::Queues};
use serde_json::{Value, json};
use std::fmt;

/// Default maximum event age, in seconds.
const DAY: i64 = 86_400;

/// The fate of one occurrence of a recurring schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Sent on time.
    OnTime,
    /// The queue is unreachable until the retry policy is exhausted. The occurrence then goes to
    /// the target's dead-letter queue, if there is one.
    DeadLettered,
    /// Never sent.
    Lost,
}

/// An occurrence and its fate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    pub schedule: String,
    /// Due time in milliseconds since 1970.
    pub due_ms: i64,
    pub fate: Fate,
}

type Rule = dyn Fn(&str, i64) -> Fate + Send + Sync;

/// The rule and its decisions.
#[derive(Default)]
pub(super) struct Fates {
    pub(super) rule: Option<Box<Rule>>,
    pub(super) occurrences: Vec<Occurrence>,
    pub(super) undelivered: Vec<Undelivered>,
}

/// A dead letter to be sent at `at_ms`.
#[derive(Debug)]
pub(super) struct Undelivered {
    at_ms: i64,
    queue: String,
    body: String,
    attributes: Value,
}

impl Fates {
    /// Decides an occurrence's fate. Schedules outside the group of recurring ones are always on
    /// time.
    pub(super) fn decide(&mut self, (group, name): &Key, due_ms: i64) -> Fate {
        if group != SCHEDULES {
            return Fate::OnTime;
        }
        let fate = self.rule.as_ref().map_or(Fate::OnTime, |rule| rule(name, due_ms));
        self.occurrences.push(Occurrence { schedule: name.clone(), due_ms, fate });
        fate
    }

    /// When the next dead letter to a queue is due.
    pub(super) fn next_ms(&self, queue: &str) -> Option<i64> {
        self.undelivered
            .iter()
            .filter(|letter| letter.queue == queue)
            .map(|letter| letter.at_ms)
            .min()
    }

    /// Sends the dead letters due by now.
    pub(super) fn send_dead_letters(&mut self, queues: &Queues, now_ms: i64) {
        for letter in self.undelivered.extract_if(.., |letter| letter.at_ms <= now_ms) {
            queues.put_with(&letter.queue, &letter.body, &letter.attributes);
        }
    }
}

impl Undelivered {
    /// An occurrence's dead letter with Scheduler's attributes; `None` without a dead-letter queue
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
            "SCHEDULE_ARN": text(&format!(
                "arn:aws:scheduler:eu-west-1:000000000000:schedule/{}/{}",
                key.0, key.1
            )),
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
