//! One attempt: takes a slot, claims a job, calls its target and records the outcome.

use std::time::Duration;

use model::job::JobMessage;

use crate::{
    Worker,
    assignment::{Assignment, Work},
    claim::{AttemptClaim, claim, claim_next, take_slot},
    context::JobContext,
    deliver::deliver,
    disposition::Handled,
    finish::finish,
    requeue::{idle, wait_for_slot},
};

/// How long a message waits within the invocation for a slot. The wait is billed.
const SLOT_WAIT: Duration = Duration::from_secs(3);

pub async fn attempt(
    worker: &Worker,
    context: JobContext<'_>,
    Assignment { work, slot_pool }: Assignment,
) -> Handled {
    let JobContext { message, delivery, .. } = context;
    let slot = match &slot_pool {
        None => None,
        // This invocation owns the pool's slots, so each is free again when an attempt ends.
        Some(pool) => match tokio::time::timeout(SLOT_WAIT, pool.acquire()).await {
            Ok(Some(slot)) => Some(slot),
            // The running jobs are long ones; another invocation may find a free slot sooner.
            Ok(None) | Err(_) => return wait_for_slot(message, delivery, worker.clock.now()),
        },
    };
    let attempt = match claim_assigned(worker, context, work).await {
        AttemptClaim::Claimed(attempt) => *attempt,
        AttemptClaim::Rejected(handled) => return handled,
        // Other workers claimed every candidate, and more jobs may have become due since the read.
        AttemptClaim::Unavailable { .. } => {
            return idle(message, true, delivery, worker.clock.now());
        }
    };
    // Held until the attempt is recorded.
    let _slot = match slot {
        None => None,
        Some(slot) => match take_slot(worker, &attempt, slot, context.invocation).await {
            Some(slot) => Some(slot),
            None => return wait_for_slot(message, delivery, worker.clock.now()),
        },
    };
    let outcome = deliver(worker, &attempt, context).await;
    finish(worker, &attempt, outcome, context).await
}

async fn claim_assigned(worker: &Worker, context: JobContext<'_>, work: Work) -> AttemptClaim {
    let claimed = match work {
        Work::Skip(handled) => return AttemptClaim::Rejected(handled),
        Work::OwnJob => claim(worker, context, context.message.id, None).await,
        Work::NextDue(own_job, ready_queue) => {
            claim_next(worker, context, own_job, &ready_queue).await
        }
    };
    claimed.unwrap_or_else(|error| {
        let JobMessage { account, id, .. } = context.message;
        tracing::error!(
            request.id = context.invocation.request_id, %account, job = %id, cause = %error,
            "claim failed"
        );
        AttemptClaim::Rejected(Handled::after_outage(context.delivery, worker.clock.now()))
    })
}
