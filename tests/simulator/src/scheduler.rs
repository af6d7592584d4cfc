//! EventBridge Scheduler: schedules that send messages to a queue, on tokio's clock.

mod error;
mod expression;
mod fate;
mod protocol;

use crate::{clock::SimClock, queue::Queues};
use error::SchedulerError;
use expression::Expression;
pub use fate::{Fate, Occurrence};
use fate::{Fates, Undelivered};
pub(crate) use protocol::{operation_of, request_of};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};
use tokio::time::Instant;

/// Placeholder in a schedule's input for the due time.
const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

/// Group and name of a schedule.
type Key = (String, String);

/// All schedules of an account. The groups exist from the start.
#[derive(Debug)]
pub(crate) struct Scheduler {
    clock: SimClock,
    groups: Vec<&'static str>,
    entries: Mutex<BTreeMap<Key, Entry>>,
    fates: Mutex<Fates>,
}

#[derive(Clone, Debug)]
struct Entry {
    /// The latest create or update request.
    request: Value,
    expression: Expression,
    /// Next due time in milliseconds since 1970; `None` if there is none.
    next_ms: Option<i64>,
}

impl Entry {
    fn read(request: &Value, now_ms: i64) -> Result<Self, SchedulerError> {
        let text = request["ScheduleExpression"].as_str().unwrap_or_default();
        let timezone = request["ScheduleExpressionTimezone"].as_str().unwrap_or("UTC");
        let expression = Expression::read(text, timezone)
            .ok_or(SchedulerError::Invalid("Invalid Schedule Expression."))?;
        let target = &request["Target"];
        if ![&target["Arn"], &target["RoleArn"]].iter().all(|arn| arn.is_string()) {
            return Err(SchedulerError::Invalid("the target"));
        }
        if request["FlexibleTimeWindow"]["Mode"] != "OFF" {
            return Err(SchedulerError::Invalid("the sim knows no flexible time windows"));
        }
        Ok(Self { request: request.clone(), next_ms: expression.first_from(now_ms), expression })
    }

    fn queue(&self) -> &str {
        self.request["Target"]["Arn"]
            .as_str()
            .and_then(|arn| arn.rsplit(':').next())
            .unwrap_or_default()
    }

    fn is_enabled(&self) -> bool {
        self.request["State"] != "DISABLED"
    }

    /// The message of an occurrence.
    fn input(&self, due_ms: i64) -> String {
        let due = jiff::Timestamp::from_millisecond(due_ms).unwrap();
        self.request["Target"]["Input"]
            .as_str()
            .unwrap_or_default()
            .replace(SCHEDULED_TIME, &format!("{due:.0}"))
    }
}

impl Scheduler {
    pub(crate) fn new(clock: SimClock, groups: Vec<&'static str>) -> Self {
        Self { clock, groups, entries: Mutex::default(), fates: Mutex::default() }
    }

    /// The latest request of every schedule, by group and name.
    pub(crate) fn schedules(&self) -> Vec<Value> {
        self.lock().values().map(|entry| entry.request.clone()).collect()
    }

    /// When the next message to a queue is due; in the past if one is overdue.
    pub(crate) fn next_due_at(&self, queue: &str) -> Option<Instant> {
        let now_ms = self.clock.now_ms();
        let entries = self.lock();
        let due = entries.values().filter(|entry| entry.queue() == queue && entry.is_enabled());
        let undelivered = self.fates().next_ms(queue);
        let next_ms = due.filter_map(|entry| entry.next_ms).chain(undelivered).min()?;
        Some(Instant::now() + Duration::from_millis(u64::try_from(next_ms - now_ms).unwrap_or(0)))
    }

    /// Sends the messages of all due occurrences and returns their number.
    pub(crate) fn fire(&self, queues: &Queues) -> usize {
        let now_ms = self.clock.now_ms();
        let mut entries = self.lock();
        let mut fates = self.fates();
        let mut fired = 0;
        for (key, entry) in entries.iter_mut().filter(|(_, entry)| entry.is_enabled()) {
            while let Some(due_ms) = entry.next_ms.filter(|due_ms| *due_ms <= now_ms) {
                match fates.decide(key, due_ms) {
                    Fate::OnTime => queues.put(entry.queue(), &entry.input(due_ms)),
                    Fate::DeadLettered => {
                        fates.undelivered.extend(Undelivered::of(key, entry, due_ms))
                    }
                    Fate::Lost => {}
                }
                entry.next_ms = entry.expression.next_after(due_ms);
                fired += 1;
            }
        }
        fates.send_dead_letters(queues, now_ms);
        entries.retain(|_, entry| {
            entry.next_ms.is_some() || entry.request["ActionAfterCompletion"] != "DELETE"
        });
        fired
    }

    /// Sets the rule that decides the fate of each occurrence.
    pub(crate) fn decide(&self, rule: impl Fn(&str, i64) -> Fate + Send + Sync + 'static) {
        self.fates().rule = Some(Box::new(rule));
    }

    /// All occurrences of recurring schedules with their fates.
    pub(crate) fn occurrences(&self) -> Vec<Occurrence> {
        self.fates().occurrences.clone()
    }

    /// Number of dead letters not sent yet.
    pub(crate) fn undelivered(&self) -> usize {
        self.fates().undelivered.len()
    }

    fn fates(&self) -> MutexGuard<'_, Fates> {
        self.fates.lock().unwrap()
    }

    fn create(&self, key: Key, request: &Value) -> Result<(), SchedulerError> {
        self.known_group(&key)?;
        let entry = Entry::read(request, self.clock.now_ms())?;
        let mut entries = self.lock();
        if entries.contains_key(&key) {
            return Err(SchedulerError::Conflict);
        }
        entries.insert(key, entry);
        Ok(())
    }

    /// Replaces the schedule: members absent from the request are reset.
    fn update(&self, key: &Key, request: &Value) -> Result<(), SchedulerError> {
        let changed = Entry::read(request, self.clock.now_ms())?;
        *self.lock().get_mut(key).ok_or(SchedulerError::NotFound)? = changed;
        Ok(())
    }

    fn delete(&self, key: &Key) -> Result<(), SchedulerError> {
        self.lock().remove(key).map(drop).ok_or(SchedulerError::NotFound)
    }

    fn get(&self, key: &Key) -> Result<Value, SchedulerError> {
        self.lock().get(key).map(|entry| entry.request.clone()).ok_or(SchedulerError::NotFound)
    }

    fn known_group(&self, (group, _): &Key) -> Result<(), SchedulerError> {
        if self.groups.contains(&group.as_str()) { Ok(()) } else { Err(SchedulerError::NotFound) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Entry>> {
        self.entries.lock().unwrap()
    }
}

#[cfg(test)]
mod tests;
