//! SQS: a queue and its dead-letter queue on tokio's clock.

mod batch;
mod error;
mod fairness;
mod message;
mod protocol;

use crate::clock::SimClock;
use error::QueueError;
use fairness::FairOrder;
pub use message::Message;
use message::Receipt;
use model::job::QUEUE_RETENTION;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};
use tokio::{
    sync::{Notify, futures::Notified},
    time::Instant,
};

/// Longest visibility timeout of SQS.
const LONGEST_VISIBILITY: Duration = Duration::from_secs(12 * 3_600);

#[derive(Debug)]
pub(crate) struct Queue {
    name: &'static str,
    visibility: Duration,
    redrive: Option<Redrive>,
    messages: Vec<Message>,
    turns: FairOrder,
    /// Messages deleted at the end of the retention.
    expired: u64,
}

/// Redrive policy.
#[derive(Clone, Copy, Debug)]
struct Redrive {
    to: &'static str,
    max_receives: u32,
}

impl Queue {
    pub(crate) fn new(name: &'static str, visibility: Duration) -> Self {
        Self {
            name,
            visibility,
            redrive: None,
            messages: Vec::new(),
            turns: FairOrder::default(),
            expired: 0,
        }
    }

    pub(crate) fn with_redrive(self, to: &'static str, max_receives: u32) -> Self {
        Self { redrive: Some(Redrive { to, max_receives }), ..self }
    }

    /// Deletes messages older than the retention, as SQS does: silently, in flight or not. A dead
    /// letter's age counts from its first enqueue time
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>).
    fn expire(&mut self, now_ms: i64) {
        let before = self.messages.len();
        let oldest = now_ms - i64::try_from(QUEUE_RETENTION.as_millis()).unwrap();
        self.messages.retain(|message| message.sent_ms > oldest);
        self.expired += (before - self.messages.len()) as u64;
    }

    /// Receives up to `max` messages in fair order. The second list holds those that exceeded their
    /// maximum number of receives.
    fn receive(
        &mut self,
        max: usize,
        visibility: Duration,
        now_ms: i64,
    ) -> (Vec<Message>, Vec<Message>) {
        let now = Instant::now();
        let (mut received, mut dead) = (Vec::new(), Vec::new());
        while received.len() < max {
            let Some(next) = self.turns.next(&self.messages, now) else { break };
            let message = &mut self.messages[next];
            if self.redrive.is_some_and(|redrive| message.receives >= redrive.max_receives) {
                dead.push(self.messages.remove(next));
                continue;
            }
            message.mark_received(now + visibility, now_ms);
            received.push(message.clone());
        }
        (received, dead)
    }

    /// Deletes a message by its latest receipt handle. An older handle has no effect and is no
    /// error.
    fn delete(&mut self, receipt: &Receipt) {
        self.messages.retain(|message| !receipt.is_of(message));
    }

    fn change_visibility(
        &mut self,
        receipt: &Receipt,
        visibility: Duration,
    ) -> Result<(), QueueError> {
        let now = Instant::now();
        let message = self.messages.iter_mut().find(|message| receipt.is_of(message));
        let message = message.ok_or(QueueError::Gone)?;
        if message.visible_at <= now {
            return Err(QueueError::NotInFlight);
        }
        message.visible_at = now + visibility;
        Ok(())
    }
}

/// All queues of an account.
#[derive(Debug)]
pub(crate) struct Queues {
    clock: SimClock,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    queues: BTreeMap<&'static str, Queue>,
    sent: u64,
}

impl Queues {
    pub(crate) fn new(clock: SimClock, queues: impl IntoIterator<Item = Queue>) -> Self {
        let queues = queues.into_iter().map(|queue| (queue.name, queue)).collect();
        Self { clock, state: Mutex::new(State { queues, sent: 0 }), changed: Notify::new() }
    }

    /// Every message of a queue including hidden ones, oldest first.
    pub(crate) fn messages(&self, queue: &str) -> Vec<Message> {
        self.lock().queue(queue).expect("a queue of this account").messages.clone()
    }

    /// Deletes a message to simulate its loss: the `nth` that matches `those` and is not in flight.
    /// `None` if there is none.
    pub(crate) fn lose(
        &self,
        queue: &str,
        nth: usize,
        those: impl Fn(&Message) -> bool,
    ) -> Option<Message> {
        let mut state = self.lock();
        let messages = &mut state.queue(queue).expect("a queue of this account").messages;
        let may_go = |n: &usize| !messages[*n].is_in_flight() && those(&messages[*n]);
        let idle: Vec<_> = (0..messages.len()).filter(may_go).collect();
        let lost = idle.get(nth.checked_rem(idle.len())?).map(|n| messages.remove(*n));
        self.changed.notify_waiters();
        lost
    }

    /// Messages of a queue deleted at the end of the retention.
    pub(crate) fn expired(&self, queue: &str) -> u64 {
        self.lock().queue(queue).expect("a queue of this account").expired
    }

    /// When the next message becomes visible; in the past if one is visible now. `None` if the
    /// queue is empty.
    pub(crate) fn next_visible_at(&self, queue: &str) -> Option<Instant> {
        let mut state = self.lock();
        let queue = state.queue(queue).expect("a queue of this account");
        queue.messages.iter().map(|message| message.visible_at).min()
    }

    /// Resolves at the next change of any queue. It registers now, not at its first poll.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Sends a message as other AWS services do: without attributes and without a group.
    pub(crate) fn put(&self, queue: &str, body: &str) {
        self.put_with(queue, body, &Value::Null);
    }

    /// Like [`Queues::put`], with message attributes.
    pub(crate) fn put_with(&self, queue: &str, body: &str, attributes: &Value) {
        self.send(
            queue,
            &serde_json::json!({"MessageBody": body, "MessageAttributes": attributes}),
        )
        .expect("a queue of this account takes it");
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn send(&self, queue: &str, entry: &Value) -> Result<String, QueueError> {
        let mut state = self.lock();
        let message = Message::read(entry, state.sent + 1, self.clock.now_ms())?;
        let id = message.id.clone();
        state.queue(queue)?.messages.push(message);
        state.sent += 1;
        self.changed.notify_waiters();
        Ok(id)
    }

    fn receive(
        &self,
        queue: &str,
        max: usize,
        visibility: Option<Duration>,
    ) -> Result<Vec<Message>, QueueError> {
        let mut state = self.lock();
        let source = state.queue(queue)?;
        source.expire(self.clock.now_ms());
        let (name, redrive, visibility) =
            (source.name, source.redrive, visibility.unwrap_or(source.visibility));
        let (received, dead) = source.receive(max, visibility, self.clock.now_ms());
        if received.is_empty() && dead.is_empty() {
            // Nothing changed. A notification would wake this caller, which would poll again
            // immediately.
            return Ok(received);
        }
        if let Some(redrive) = redrive {
            let dead = dead.into_iter().map(|message| message.dead_lettered_from(name));
            state.queue(redrive.to)?.messages.extend(dead);
        }
        self.changed.notify_waiters();
        Ok(received)
    }

    fn delete(&self, queue: &str, receipt: &str) -> Result<(), QueueError> {
        let mut state = self.lock();
        let queue = state.queue(queue)?;
        queue.delete(&receipt.parse()?);
        self.changed.notify_waiters();
        Ok(())
    }

    /// Empties a queue including messages in flight.
    fn purge(&self, queue: &str) -> Result<(), QueueError> {
        self.lock().queue(queue)?.messages.clear();
        self.changed.notify_waiters();
        Ok(())
    }

    fn change_visibility(
        &self,
        queue: &str,
        receipt: &str,
        visibility: Duration,
    ) -> Result<(), QueueError> {
        let mut state = self.lock();
        let queue = state.queue(queue)?;
        if visibility > LONGEST_VISIBILITY {
            return Err(QueueError::Invalid("VisibilityTimeout is from 0 to 43200"));
        }
        queue.change_visibility(&receipt.parse()?, visibility)?;
        self.changed.notify_waiters();
        Ok(())
    }
}

impl State {
    fn queue(&mut self, name: &str) -> Result<&mut Queue, QueueError> {
        self.queues.get_mut(name).ok_or(QueueError::NoSuchQueue)
    }
}

#[cfg(test)]
mod tests;
