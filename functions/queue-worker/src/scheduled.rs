//! Schedule occurrences: EventBridge Scheduler sends a message at each due time, and the worker
//! creates the job.

use std::time::Duration;

use model::{
    job::{ErrorCode, Job, JobError, Lease, Message, RetryPolicy, ScheduledRun, Status, Timing},
    schedule::{Schedule, due_at, job_id},
    time::Time,
};
use runtime::{metrics::registry, telemetry::Record};
use serde_json::Value;
use store::{CachedKind, KindRejection, OutgoingMessage};

use crate::{
    Worker, context::Invocation, dead_letter::fail_job, disposition::Handled,
    message::ReceivedMessage,
};

/// Creates the job of an occurrence and replaces this message by the job's. Repeated deliveries
/// create one job.
pub async fn create_scheduled(
    worker: &Worker,
    run: &ScheduledRun,
    delivery: &ReceivedMessage,
    invocation: Invocation<'_>,
) -> Handled {
    let now = worker.clock.now();
    if !Timing::may_start(now, Duration::ZERO, invocation.deadline) {
        return Handled::nack_until(now);
    }
    try_create_scheduled(worker, run, delivery, invocation, now).await.unwrap_or_else(|error| {
        tracing::error!(
            request.id = invocation.request_id, schedule = %run.name, cause = %error,
            "creating the scheduled job failed"
        );
        Handled::after_outage(delivery, worker.clock.now())
    })
}

async fn try_create_scheduled(
    worker: &Worker,
    run: &ScheduledRun,
    delivery: &ReceivedMessage,
    invocation: Invocation<'_>,
    now: Time,
) -> Result<Handled, store::Error> {
    let schedule = worker.schedules.find(&run.name).await?.filter(|schedule| schedule.spec.enabled);
    let Some(schedule) = schedule else { return Ok(Handled::ack()) };
    let account = worker.accounts.get_cached(schedule.spec.account, now).await?;
    if !account.is_some_and(|account| account.is_active) {
        return Ok(Handled::ack());
    }
    let kind = worker.kinds.cached(&schedule.spec.job.kind, now).await?;
    let validation = validate(&schedule, kind.as_deref());
    let at = due_at(&run.at, delivery.sent_at.unwrap_or(now));
    let (job, lease) =
        find_or_create(worker, &schedule, at, kind.as_deref(), invocation, now).await?;
    // A job that has started or ended already has its own message.
    if lease.status != Status::Queued || lease.attempts > 0 {
        return Ok(Handled::ack());
    }
    match validation {
        Ok(()) => {
            Ok(Handled::requeue(OutgoingMessage::immediate(Message::Job(job.message()), None)))
        }
        Err(error) => fail_job(worker, error, &job, &lease, kind.as_deref(), now).await,
    }
}

/// Returns the existing job of an occurrence, or creates it.
async fn find_or_create(
    worker: &Worker,
    schedule: &Schedule,
    at: Time,
    kind: Option<&CachedKind>,
    invocation: Invocation<'_>,
    now: Time,
) -> Result<(Job, Lease), store::Error> {
    let job = new_job(schedule, at, kind, now);
    if let Some(found) = worker.jobs.get_consistent(job.account, job.id).await? {
        return Ok(found);
    }
    // Without a rank: the job enters the ready queue when its message arrives, like other jobs due
    // later.
    worker.due.verify_late(&job, now).await?;
    worker.jobs.put(&job, &schedule.spec.job.payload, None).await?;
    tracing::info!(
        request.id = invocation.request_id, schedule = %schedule.name, account = %job.account,
        job = %job.id, kind = %job.kind,
        "job accepted"
    );
    let accepted = Record::new().dimension("kind", job.kind.as_str());
    worker.metrics.emit(&accepted.count(&registry::ACCEPTED, 1), now);
    worker.tallies.rates.count_jobs(1);
    let lease = Lease {
        status: job.status,
        attempts: job.attempts,
        max_attempts: job.max_attempts,
        due_at: None,
        lease_until: None,
        owner: None,
        end_event: None,
    };
    Ok((job, lease))
}

/// Pure: the job that a schedule creates for `at`, if the worker receives its message at `now`.
fn new_job(schedule: &Schedule, at: Time, kind: Option<&CachedKind>, now: Time) -> Job {
    let spec = &schedule.spec;
    let retry = kind.map_or_else(RetryPolicy::default, |kind| kind.kind.spec.retry);
    let id = job_id(spec.account, &schedule.name, at);
    let job = Job::queued(id, spec.account, spec.job.kind.clone(), retry.max_attempts, at);
    // Counted from `now`, since Scheduler or the queue may be late. The job is kept until no copy
    // of the schedule's message can arrive.
    let kept_until = Timing::messages_expired_at(now);
    Job {
        priority: spec.job.priority,
        callback_url: spec.job.callback_url.clone(),
        metadata: spec.job.metadata.clone(),
        kept_until: Some(kept_until),
        ..job
    }
}

/// Checks that the kind accepts the schedule's jobs. It did when the schedule was created, but may
/// have changed.
fn validate(schedule: &Schedule, kind: Option<&CachedKind>) -> Result<(), JobError> {
    let Some(kind) = kind else {
        return Err(JobError::new(ErrorCode::KindUnknown, "the job's kind is deleted"));
    };
    let payload = &schedule.spec.job.payload;
    let json: Value = serde_json::from_str(payload.as_str()).unwrap_or_default();
    kind.check_job(payload, &json, "").map_err(|rejection| match rejection {
        KindRejection::Disabled => {
            let message = "the job's kind is disabled because its target returned 410";
            JobError::new(ErrorCode::KindDisabled, message)
        }
        KindRejection::Schema(error) => {
            let message = format!(
                "the payload can't be validated, \
                 since its kind has an unsupported schema: {error}"
            );
            JobError::new(ErrorCode::PayloadInvalid, message)
        }
        KindRejection::Payload(violations) => {
            let first = violations.first().map_or_else(String::new, |violation| {
                format!(": {} {}", violation.pointer, violation.detail)
            });
            let message =
                format!("the payload has {} schema violations, the first{first}", violations.len());
            JobError::new(ErrorCode::PayloadInvalid, message)
        }
    })
}
