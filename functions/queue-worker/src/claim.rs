//! Claims a job for an attempt: the message's own, or the next one of a ready queue. The claimed
//! job then takes a slot, if its account has a concurrency limit.

use std::time::Duration;

use model::{
    id::JobId,
    job::{ClaimDenied, Timing},
    time::Time,
};
use store::ClaimResult;

use crate::{
    Worker,
    concurrency::SlotGuard,
    context::{Invocation, JobContext, RunningAttempt, random_token},
    dead_letter::fail_abandoned,
    disposition::Handled,
    ready_queue::ReadyQueue,
    requeue::requeue,
};

/// Redelivery delays of a message whose job isn't in the table: the item may be written a moment
/// later. After the last one the message is dropped.
const UNKNOWN_JOB_DELAYS: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(15)];

/// Failed claims after which the ready queue is read again.
const FAILED_CLAIMS_BEFORE_REFRESH: u32 = 3;

pub enum AttemptClaim {
    Claimed(Box<RunningAttempt>),
    /// Another worker has the job, or it has ended. A permit can try another job.
    Unavailable {
        /// Whether another worker has it.
        contended: bool,
    },
    /// The job can't run.
    Rejected(Handled),
}

/// Claims the first job of the ready queue that no other worker has claimed, starting with
/// `own_job` if given.
pub async fn claim_next(
    worker: &Worker,
    context: JobContext<'_>,
    own_job: Option<JobId>,
    ready_queue: &ReadyQueue,
) -> Result<AttemptClaim, store::Error> {
    let mut candidate = own_job.or_else(|| ready_queue.next());
    let (mut failed, mut refreshes) = (0, ready_queue.refreshes());
    while let Some(id) = candidate {
        let contended = match claim(worker, context, id, Some(ready_queue)).await? {
            AttemptClaim::Unavailable { contended } => contended,
            claimed => {
                ready_queue.record_claimed(id);
                return Ok(claimed);
            }
        };
        if contended {
            ready_queue.record_lost(worker.clock.now());
        }
        failed += 1;
        if failed == FAILED_CLAIMS_BEFORE_REFRESH {
            if ready_queue.begin_refresh(refreshes) {
                refresh(worker, ready_queue).await?;
            }
            (failed, refreshes) = (0, ready_queue.refreshes());
        }
        candidate = ready_queue.next_after_failure(contended);
    }
    Ok(AttemptClaim::Unavailable { contended: true })
}

async fn refresh(worker: &Worker, ready_queue: &ReadyQueue) -> Result<(), store::Error> {
    let (account, kind) = ready_queue.key();
    let now = worker.clock.now();
    let limit = ready_queue.look_ahead(now);
    ready_queue.refresh(worker.jobs.ready_queue(account, kind, limit, now).await?, now);
    Ok(())
}

/// Claims the job `id`, as listed in `ready_queue` if given.
pub async fn claim(
    worker: &Worker,
    context: JobContext<'_>,
    id: JobId,
    ready_queue: Option<&ReadyQueue>,
) -> Result<AttemptClaim, store::Error> {
    let JobContext { message, delivery, invocation } = context;
    let kind = worker.kinds.cached(&message.kind, worker.clock.now()).await?;
    let now = worker.clock.now();
    let timeout =
        kind.as_ref().map_or(Duration::ZERO, |kind| kind.kind.spec.timeout(worker.timing));
    if !Timing::may_start(now, timeout, invocation.deadline) {
        return Ok(AttemptClaim::Rejected(Handled::nack_until(now)));
    }
    let owner = random_token();
    let lease_until = Timing::lease_until(invocation.deadline);
    let listing = ready_queue.and_then(|ready_queue| ready_queue.listing(id));
    let result =
        worker.jobs.claim(message.account, id, &owner, now, lease_until, listing.as_ref()).await?;
    Ok(match result {
        ClaimResult::Claimed(claimed) => AttemptClaim::Claimed(Box::new(RunningAttempt {
            claimed: *claimed,
            kind,
            owner,
            claimed_at: now,
            lease_until,
            from_ready_queue: listing.is_some(),
        })),
        ClaimResult::Denied(ClaimDenied::Exhausted, job, lease) => AttemptClaim::Rejected(
            fail_abandoned(worker, &job, &lease, kind.as_deref(), now).await?,
        ),
        ClaimResult::Denied(denied, ..) if ready_queue.is_some() => {
            AttemptClaim::Unavailable { contended: matches!(denied, ClaimDenied::NotYet(_)) }
        }
        ClaimResult::NotFound if ready_queue.is_some() => {
            AttemptClaim::Unavailable { contended: false }
        }
        ClaimResult::Denied(ClaimDenied::NotYet(until), ..) => {
            let due = until.max(now + Duration::from_secs(1));
            AttemptClaim::Rejected(requeue(message.clone(), due, delivery))
        }
        ClaimResult::Denied(ClaimDenied::Done, ..) => AttemptClaim::Rejected(Handled::ack()),
        ClaimResult::NotFound => AttemptClaim::Rejected(unknown_job(context, now)),
    })
}

fn unknown_job(context: JobContext<'_>, now: Time) -> Handled {
    let JobContext { message, delivery, invocation } = context;
    let received_before = delivery.receive_count.saturating_sub(1) as usize;
    if let Some(delay) = UNKNOWN_JOB_DELAYS.get(received_before) {
        return Handled::nack_until(now + *delay);
    }
    tracing::warn!(
        request.id = invocation.request_id, account = %message.account, job = %message.id,
        "unknown job, message dropped"
    );
    Handled::discard()
}

/// Takes a slot for a claimed job. If another worker took that slot, releases the job again. A job
/// that could not be released is free when its lease ends.
pub async fn take_slot(
    worker: &Worker,
    attempt: &RunningAttempt,
    mut guard: SlotGuard,
    invocation: Invocation<'_>,
) -> Option<SlotGuard> {
    let RunningAttempt { owner, lease_until, .. } = attempt;
    let job = &attempt.claimed.job;
    let slot = guard.slot()?;
    let error = match worker.slots.take(job.account, slot, job.id, owner, *lease_until).await {
        Ok(true) => {
            guard.mark_taken(owner);
            return Some(guard);
        }
        Ok(false) => None,
        Err(error) => Some(error),
    };
    guard.discard();
    let released = worker.jobs.release(job, owner, worker.clock.now()).await;
    if let Some(error) = error.or(released.err()) {
        tracing::error!(
            request.id = invocation.request_id, account = %job.account, job = %job.id,
            cause = %error,
            "slot acquisition failed"
        );
    }
    None
}
