//! Turns the outcome of an attempt into writes and the disposition of its message. No other module
//! does this.

use model::{
    event::Content,
    job::{AttemptOutcome, EndedBy, ErrorCode, Outcome},
    time::Time,
};
use store::{EndResult, OutgoingMessage, Reservation};

use crate::{
    Worker,
    context::{JobContext, RunningAttempt},
    disposition::Handled,
    event::reserve_event,
    metrics::AttemptMetrics,
    outcome::{Decision, decide},
};

pub async fn finish(
    worker: &Worker,
    attempt: &RunningAttempt,
    outcome: Outcome,
    context: JobContext<'_>,
) -> Handled {
    match persist_or_cancel(worker, attempt, outcome, context).await {
        Ok(handled) => handled,
        Err(error) => {
            let job = &attempt.claimed.job;
            tracing::error!(
                request.id = context.invocation.request_id, account = %job.account, job = %job.id,
                attempt = job.attempts, cause = %error,
                "recording the attempt failed"
            );
            Handled::nack_until(attempt.lease_until)
        }
    }
}

async fn persist_or_cancel(
    worker: &Worker,
    attempt: &RunningAttempt,
    outcome: Outcome,
    context: JobContext<'_>,
) -> Result<Handled, store::Error> {
    let now = worker.clock.now();
    let decision = decide(attempt, outcome, now, rand::random());
    if let Some(handled) = persist_outcome(worker, attempt, decision, context).await? {
        return Ok(handled);
    }
    // The cancel request arrived while the attempt ran, so it is not retried.
    let cancelled = decide(attempt, Outcome::Cancel, now, 0.0);
    let handled = persist_outcome(worker, attempt, cancelled, context).await?;
    Ok(handled.unwrap_or_else(Handled::ack))
}

/// Writes the end of an attempt. `None` if the job's cancellation was requested: nothing is
/// written, and the attempt has to end as cancelled.
async fn persist_outcome(
    worker: &Worker,
    attempt: &RunningAttempt,
    decision: Decision,
    context: JobContext<'_>,
) -> Result<Option<Handled>, store::Error> {
    let job = &attempt.claimed.job;
    let now = worker.clock.now();
    let next = decision
        .due
        .map(|due| OutgoingMessage::due_at(job.message(), due, context.trace_of(job.id).cloned()));
    // The message of a job from the ready queue may have been used for another job. Sending the
    // next message first keeps a crash from leaving this job without one.
    if let Some(next) = next.as_ref().filter(|_| attempt.from_ready_queue) {
        worker.queue.send(next, now).await?;
    }
    let reservation = if next.is_none() {
        reserve_event(&worker.events, attempt.kind.as_deref()).await
    } else {
        None
    };
    let (status, error) = (decision.ending.status(), decision.ending.error());
    let content = Content::for_ended_job(job.id, &job.kind, status, error);
    let by = EndedBy { token: &attempt.owner, event: reservation.as_ref().map(Reservation::id) };
    if next.is_none() {
        worker.queue.announce_end(job, by, context.trace_of(job.id), now).await?;
    }
    Ok(match worker.jobs.end_attempt(job, by, decision.ending, now).await? {
        EndResult::Written => {
            let metrics = metrics(attempt, decision.outcome, now);
            log_end(&metrics, decision.code, attempt, context);
            worker.events.publish_end(reservation, job.account, content).await;
            let next = next.filter(|_| !attempt.from_ready_queue);
            Some(next.map_or_else(Handled::ack, Handled::requeue).with_metrics(metrics))
        }
        EndResult::LeaseLost => {
            // A later claim has the job and received the same message again. This delivery must
            // not delete it.
            tracing::warn!(
                request.id = context.invocation.request_id, account = %job.account, job = %job.id,
                attempt = job.attempts,
                "lease lost"
            );
            Some(Handled::nack())
        }
        EndResult::CancelRequested => None,
    })
}

fn metrics(attempt: &RunningAttempt, outcome: AttemptOutcome, now: Time) -> AttemptMetrics {
    let job = &attempt.claimed.job;
    AttemptMetrics {
        account: job.account,
        kind: job.kind.clone(),
        outcome,
        queue_wait: attempt.claimed_at.since(job.run_at),
        run_time: Some(now.since(attempt.claimed_at)),
        total_time: now.since(job.run_at),
        attempt: job.attempts,
    }
}

fn log_end(
    metrics: &AttemptMetrics,
    code: Option<ErrorCode>,
    attempt: &RunningAttempt,
    context: JobContext<'_>,
) {
    let job = &attempt.claimed.job;
    tracing::info!(
        request.id = context.invocation.request_id, account = %job.account, job = %job.id,
        kind = %job.kind, attempt = job.attempts, outcome = ?metrics.outcome,
        code = code.map(ErrorCode::as_str),
        ran_ms = metrics.run_time.unwrap_or_default().as_millis(),
        "attempt ended"
    );
}
