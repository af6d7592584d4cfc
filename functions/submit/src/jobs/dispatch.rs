//! Sends the messages of jobs.

use model::{
    job::{
        Job, Status,
        due::{DueEntry, Purpose},
    },
    time::Time,
};
use runtime::telemetry::Traceparent;
use store::OutgoingMessage;

use super::context::Jobs;

/// Whether the job is due later than the longest delay of an SQS message.
pub fn exceeds_queue_delay(job: &Job, now: Time) -> bool {
    job.run_at > now + OutgoingMessage::MAX_DELAY
}

/// Sends the job's message with a delay, or schedules it in the due list if the delay would be too
/// long for SQS. The entry of a cancelled or deleted job stays; its message finds nothing to do.
pub async fn dispatch(
    jobs: &Jobs,
    job: &Job,
    trace: Option<Traceparent>,
    now: Time,
) -> Result<(), store::Error> {
    if !exceeds_queue_delay(job, now) {
        jobs.due.verify_late(job, now).await?;
        let message = OutgoingMessage::due_at(job.message(), job.run_at, trace);
        return jobs.queue.send(&message, now).await;
    }
    let Job { id, account, run_at: due, .. } = *job;
    let entry = DueEntry { due, account, id, kind: job.kind.clone(), purpose: Purpose::Release };
    jobs.due.put(&entry).await
}

/// Sends the message of a replayed request's job again if no attempt has started, since the first
/// request may have failed before sending it. A duplicate message does no harm.
pub async fn resend(
    jobs: &Jobs,
    job: &Job,
    trace: Option<Traceparent>,
    now: Time,
) -> Result<(), store::Error> {
    if job.status == Status::Queued && job.attempts == 0 {
        dispatch(jobs, job, trace, now).await?;
    }
    Ok(())
}
