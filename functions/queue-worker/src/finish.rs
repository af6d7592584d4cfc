//! The only place that turns an attempt's outcome into writes and a message disposition.

use model::{
    event::Content,
    job::{
        Attempt, AttemptOutcome, EndedBy, ErrorCode, JobError, MAX_RESULT_BYTES, Outcome,
        RetryPolicy,
    },
    kind::KindSpec,
    time::Time,
};
use serde_json::value::RawValue;
use store::{AttemptEnd, EndResult, OutgoingMessage, Reservation};

use crate::{
    Worker,
    context::{JobContext, RunningAttempt},
    disposition::Handled,
    metrics::AttemptMetrics,
};

impl Worker {
    pub(crate) async fn finish(
        &self,
        held: RunningAttempt,
        outcome: Outcome,
        task: JobContext<'_>,
    ) -> Handled {
        let now = self.clock.now();
        let decided = decide(&held, outcome, now, rand::random());
        match self.persist_outcome(&held, decided, task).await {
            Ok((EndResult::CancelRequested, _)) => {
                // The cancel request arrived while the attempt ran, so it is not retried.
                let decided = decide(&held, Outcome::Cancel, now, 0.0);
                match self.persist_outcome(&held, decided, task).await {
                    Ok((_, report)) => report,
                    Err(error) => self.write_failed(&held, &error, task),
                }
            }
            Ok((_, report)) => report,
            Err(error) => self.write_failed(&held, &error, task),
        }
    }

    /// Writes the end of an attempt and returns the disposition of its message.
    async fn persist_outcome(
        &self,
        held: &RunningAttempt,
        decided: Decision,
        task: JobContext<'_>,
    ) -> Result<(EndResult, Handled), store::Error> {
        let job = &held.claimed.job;
        let now = self.clock.now();
        let run = AttemptMetrics {
            account: job.account,
            kind: job.kind.clone(),
            outcome: decided.outcome,
            queue_wait: held.claimed_at.since(job.run_at),
            run_time: Some(now.since(held.claimed_at)),
            total_time: now.since(job.run_at),
            attempt: job.attempts,
        };
        let next = decided
            .due
            .map(|due| OutgoingMessage::due_at(job.message(), due, task.trace_of(job.id).cloned()));
        // The message of a job from the ready queue may have been used for another job. Sending the
        // next message first keeps a crash from leaving this job without one.
        if let Some(next) = next.as_ref().filter(|_| held.from_ready_queue) {
            self.queue.send(next, now).await?;
        }
        let place =
            if next.is_none() { self.reserve_event(held.kind.as_deref()).await } else { None };
        let end = Content::for_ended_job(
            job.id,
            &job.kind,
            decided.ending.status(),
            decided.ending.error(),
        );
        let by = EndedBy { token: &held.owner, event: place.as_ref().map(Reservation::id) };
        if decided.due.is_none() {
            self.queue.announce_end(job, by, task.trace_of(job.id), now).await?;
        }
        let ended = self.jobs.end_attempt(job, by, decided.ending, now).await?;
        let (request, attempt) = (task.invocation.request_id, job.attempts);
        let report = match ended {
            EndResult::Written => {
                tracing::info!(
                    request.id = request, account = %job.account, job = %job.id, kind = %job.kind,
                    attempt, outcome = ?run.outcome, code = decided.code.map(ErrorCode::as_str),
                    ran_ms = run.run_time.unwrap_or_default().as_millis(),
                    "attempt ended"
                );
                self.events.publish_end(place, job.account, end).await;
                let next = next.filter(|_| !held.from_ready_queue);
                next.map_or_else(Handled::ack, Handled::requeue).with_metrics(run)
            }
            EndResult::LeaseLost => {
                // A later claim has the job and received the same message again. This delivery must
                // not delete it.
                tracing::warn!(
                    request.id = request, account = %job.account, job = %job.id, attempt,
                    "lease lost"
                );
                Handled::nack()
            }
            EndResult::CancelRequested => Handled::ack(),
        };
        Ok((ended, report))
    }

    fn write_failed(
        &self,
        held: &RunningAttempt,
        error: &store::Error,
        task: JobContext<'_>,
    ) -> Handled {
        let job = &held.claimed.job;
        tracing::error!(
            request.id = task.invocation.request_id, account = %job.account, job = %job.id,
            attempt = job.attempts, cause = %error,
            "recording the attempt failed"
        );
        Handled::nack_until(held.lease_until)
    }
}

#[derive(Debug)]
struct Decision {
    ending: AttemptEnd,
    outcome: AttemptOutcome,
    code: Option<ErrorCode>,
    due: Option<Time>,
}

/// Pure: the writes that follow from an attempt's outcome at `now`. `random` in `[0, 1)` is the
/// jitter of retry delays.
fn decide(held: &RunningAttempt, outcome: Outcome, now: Time, random: f64) -> Decision {
    let job = &held.claimed.job;
    let spec = held.kind.as_deref().map(|kind| &kind.kind.spec);
    let expires_at = now + spec.map_or(KindSpec::DEFAULT_RETENTION, KindSpec::retention);
    let policy = spec.map_or_else(RetryPolicy::default, |spec| spec.retry);
    let attempt = |outcome, http_status, error| Attempt {
        number: job.attempts,
        started_at: job.attempt_started_at,
        ended_at: Some(now),
        outcome,
        http_status,
        error: Some(error),
    };
    let failed = |http_status, error: JobError| Decision {
        outcome: AttemptOutcome::Failed,
        code: Some(error.code),
        due: None,
        ending: AttemptEnd::Failed {
            attempt: attempt(AttemptOutcome::Failed, http_status, error),
            expires_at,
        },
    };
    match outcome {
        Outcome::Complete(result) if too_large(&result) => failed(
            None,
            JobError::new(
                ErrorCode::ResultTooLarge,
                format!("the result must be at most {MAX_RESULT_BYTES} bytes"),
            ),
        ),
        Outcome::Complete(result) => Decision {
            outcome: AttemptOutcome::Completed,
            code: None,
            due: None,
            ending: AttemptEnd::Completed { result, expires_at },
        },
        Outcome::Fail { error, http_status } => failed(http_status, error),
        Outcome::Cancel => {
            let error = JobError::new(ErrorCode::Cancelled, "cancelled while running");
            let attempt = attempt(AttemptOutcome::Cancelled, None, error);
            Decision {
                outcome: AttemptOutcome::Cancelled,
                code: Some(ErrorCode::Cancelled),
                due: None,
                ending: AttemptEnd::Cancelled { attempt, expires_at },
            }
        }
        Outcome::Retry { error, http_status, .. } if job.attempts >= job.max_attempts => {
            failed(http_status, error)
        }
        Outcome::Retry { after, error, http_status } => {
            let delay = after.map_or_else(
                || policy.delay(job.attempts, random),
                |asked| policy.clamp_retry_after(asked),
            );
            let due_at = now + delay;
            Decision {
                outcome: AttemptOutcome::Retried,
                code: Some(error.code),
                due: Some(due_at),
                ending: AttemptEnd::Queued {
                    attempt: attempt(AttemptOutcome::Retried, http_status, error),
                    due_at,
                    // The next message may arrive before this write and be used for another job.
                    // Other permits then have to find this job in the ready queue.
                    listed: held.from_ready_queue && due_at < held.lease_until,
                },
            }
        }
    }
}

fn too_large(result: &RawValue) -> bool {
    result.get().len() > MAX_RESULT_BYTES
}
