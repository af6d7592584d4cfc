//! Sends the callback of a job that ended.
//!
//! A callback is a job of its own with its own retries. Its outcome doesn't affect the job that it
//! reports.

use api::callback_job;
use model::job::{Ended, Message};
use store::OutgoingMessage;

use crate::{
    Worker,
    announcement::{AnnouncedEnd, read_announced_end},
    disposition::Handled,
    message::ReceivedMessage,
};

pub async fn send_callback(
    worker: &Worker,
    ended: &Ended,
    delivery: &ReceivedMessage,
) -> Result<Handled, store::Error> {
    let now = worker.clock.now();
    if let AnnouncedEnd::Other(handled) =
        read_announced_end(&worker.jobs, ended, delivery, now).await?
    {
        return Ok(handled);
    }
    // Includes jobs past their retention, in case the queue was slow.
    let Some(job) = worker.jobs.get_with_result(ended.account, ended.id, true).await? else {
        return Ok(Handled::ack());
    };
    let callback = callback_job(job, &ended.owner)
        .map_err(|error| store::Error::Corrupt("a callback", error.to_string()))?;
    let Some((callback, payload)) = callback else { return Ok(Handled::ack()) };
    worker.due.verify_late(&callback, now).await?;
    worker.jobs.put(&callback, &payload, None).await?;
    Ok(Handled::requeue(OutgoingMessage::immediate(
        Message::Job(callback.message()),
        delivery.trace.clone(),
    )))
}
