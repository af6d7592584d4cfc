//! Requeues job messages that can't run a job now.

use std::time::Duration;

use model::{
    job::{JobMessage, ready_queue},
    time::Time,
};
use store::OutgoingMessage;

use crate::{disposition::Handled, message::ReceivedMessage};

/// Replaces the delivered message by `message`, due at `due`.
pub fn requeue(message: JobMessage, due: Time, delivery: &ReceivedMessage) -> Handled {
    Handled::requeue(OutgoingMessage::due_at(message, due, delivery.trace.clone()))
}

/// Requeues a message that waits for a slot of its account. The delay is random below a ceiling
/// that doubles with each wait, up to 30 s: long queues don't poll constantly, short ones don't
/// wait long.
pub fn wait_for_slot(message: &JobMessage, delivery: &ReceivedMessage, now: Time) -> Handled {
    if message.spare {
        return Handled::ack();
    }
    let ceiling = 30.0f64.min(2.0f64.powi(i32::from(message.looks) + 1));
    let delay = Duration::from_secs_f64((ceiling * rand::random::<f64>()).ceil().max(1.0));
    // Waiting for a slot doesn't use up the last retry of an idle permit: a message that gets a
    // slot can still look for a job.
    let looks = (message.looks + 1).min(ready_queue::IDLE_RETRIES - 1);
    requeue(JobMessage { looks, ..message.clone() }, now + delay, delivery)
}

/// Requeues a permit that found no job to run, or deletes it after its last retry. `jobs_listed`
/// says whether the ready queue lists jobs that are running or waiting.
pub fn idle(
    message: &JobMessage,
    jobs_listed: bool,
    delivery: &ReceivedMessage,
    now: Time,
) -> Handled {
    let Some(delay) = ready_queue::idle_backoff(message.looks, jobs_listed) else {
        return Handled::ack();
    };
    let looks = message.looks + 1;
    requeue(JobMessage { looks, ..message.clone() }, now + delay, delivery)
}
