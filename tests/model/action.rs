//! The actions that can happen next.

use model::job::ready_queue::IDLE_RETRIES;

use crate::{
    bounds::{Bounds, Delay},
    world::{Client, Row, Step, View, World},
};

/// A step of one participant. Workers and their permits are identified by index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `accept`: sends a job's message.
    Submit(u8, Delay),
    /// `accept`: writes its row.
    WriteRow(u8),
    /// `requeue`: sends the message of a failed or cancelled job.
    Retry(u8),
    /// `requeue`: writes its row.
    WriteRetried(u8),
    /// A client's request ends before its write.
    AbortRequest(u8),
    /// `cancel_queued`.
    Cancel(u8),
    /// Lambda delivers messages to a worker, identified by their queue indexes.
    Receive(usize, Vec<usize>),
    /// `plan_permits`: reads and decides; the number of jobs that it skips.
    Plan(usize, usize),
    /// `JobStore::add_to_ready_queue`.
    List(usize),
    /// `JobStore::claim`; whether the response arrives.
    Claim(usize, usize, bool),
    /// `JobStore::end_attempt` with an outcome; whether the response arrives.
    Finish(usize, usize, Row, bool),
    /// `persist_outcome`: sends the message of a job to retry.
    SendRetry(usize, usize, Delay),
    /// `JobStore::end_attempt` with `queued`; whether the response arrives.
    Requeue(usize, usize, bool),
    /// `JobStore::fail_abandoned`.
    FailAbandoned(usize, usize),
    /// The batch is done: replacement messages are sent and the originals deleted.
    FinishBatch(usize),
    /// A worker crashes.
    Crash(usize),
    /// A message is duplicated in the queue.
    Duplicate(usize),
    /// One message is delivered twice.
    DeliverTwice(usize),
    /// The index shows a job's current row.
    CatchUp(u8),
    /// The index entry of a job becomes due although the row has changed already.
    IndexFallsDue(u8),
    /// The time that a job waits for passes.
    FallsDue(u8),
    /// A job's lease expires.
    LeaseExpires(u8),
}

/// Actions that happen eventually. If none is left, the world is at rest, even if clients could
/// still act or faults occur.
pub fn eventual(world: &World, bounds: &Bounds, actions: &mut Vec<Action>) {
    for (job, it) in (0u8..).zip(&world.jobs) {
        match it.client {
            Client::Sent(..) if it.row == Row::Absent => actions.push(Action::WriteRow(job)),
            Client::Sent(..) => actions.push(Action::WriteRetried(job)),
            Client::Quiet => {}
        }
        if bounds.index_lag && it.is_behind() {
            actions.push(Action::CatchUp(job));
        }
        if falls_due(world, job) {
            actions.push(Action::FallsDue(job));
        }
        if it.row == Row::Leased && !world.has_holder(job) {
            actions.push(Action::LeaseExpires(job));
        }
    }
    receive(world, bounds, actions);
    for (w, worker) in
        world.workers.iter().enumerate().filter(|(_, worker)| !worker.permits.is_empty())
    {
        if !worker.unlisted.is_empty() {
            actions.push(Action::List(w));
        } else if worker.permits[0].step == Step::Plan {
            let last = worker.permits.iter().any(|permit| permit.looks >= IDLE_RETRIES);
            if !(bounds.last_poll_isolated && last && world.unindexed() != 0) {
                actions.extend((0..=bounds.max_skipped).map(|passed| Action::Plan(w, passed)));
            }
        } else if worker.permits.iter().all(|permit| permit.step.is_over()) {
            actions.push(Action::FinishBatch(w));
        } else {
            for (p, permit) in worker.permits.iter().enumerate() {
                step(world, bounds, (w, p), permit.step, actions);
            }
        }
    }
}

fn step(
    world: &World,
    bounds: &Bounds,
    (w, p): (usize, usize),
    step: Step,
    actions: &mut Vec<Action>,
) {
    match step {
        Step::Claim { .. } => actions.push(Action::Claim(w, p, true)),
        Step::Deliver { job, .. } => {
            actions.push(Action::Finish(w, p, Row::Completed, true));
            // Outcomes are alike to a worker. They differ only to a client that can retry failed
            // jobs.
            if world.budgets.job_retries > 0 {
                actions.push(Action::Finish(w, p, Row::Failed, true));
            }
            if world.job(job).attempts < bounds.attempts {
                actions.extend(bounds.retries.iter().map(|delay| Action::SendRetry(w, p, *delay)));
            }
        }
        Step::Finish { to, .. } => actions.push(Action::Finish(w, p, to, true)),
        Step::Requeue { .. } => actions.push(Action::Requeue(w, p, true)),
        Step::FailAbandoned { .. } => actions.push(Action::FailAbandoned(w, p)),
        Step::Plan | Step::Done | Step::Idle(_) | Step::Wait | Step::Nack => {}
    }
}

/// Optional actions: client requests and faults.
pub fn optional(world: &World, bounds: &Bounds, actions: &mut Vec<Action>) {
    let left = world.budgets;
    for (job, it) in (0u8..).zip(&world.jobs) {
        let idle = it.client == Client::Quiet;
        let asked = bounds.jobs[usize::from(job)].1;
        match it.row {
            // Jobs are created in the order of their ids.
            Row::Absent if idle && (job == 0 || world.job(job - 1).row != Row::Absent) => {
                actions.extend(asked.iter().map(|delay| Action::Submit(job, *delay)));
            }
            Row::Delayed | Row::Ready if left.cancels > 0 => actions.push(Action::Cancel(job)),
            Row::Failed | Row::Cancelled if idle && left.job_retries > 0 => {
                actions.push(Action::Retry(job))
            }
            Row::Leased if left.lease_overruns > 0 && world.has_holder(job) => {
                actions.push(Action::LeaseExpires(job))
            }
            _ => {}
        }
        if !idle && left.aborted_requests > 0 {
            actions.push(Action::AbortRequest(job));
        }
        if bounds.index_lag && it.is_behind() && it.view == View::NotDue {
            actions.push(Action::IndexFallsDue(job));
        }
    }
    for (w, worker) in
        world.workers.iter().enumerate().filter(|(_, worker)| !worker.permits.is_empty())
    {
        if left.crashes > 0 {
            actions.push(Action::Crash(w));
        }
        let heard = left.lost_responses == 0 || !worker.unlisted.is_empty();
        for (p, permit) in worker.permits.iter().enumerate().filter(|_| !heard) {
            match permit.step {
                Step::Claim { token: 0, .. } => actions.push(Action::Claim(w, p, false)),
                Step::Deliver { .. } => actions.push(Action::Finish(w, p, Row::Completed, false)),
                Step::Requeue { .. } => actions.push(Action::Requeue(w, p, false)),
                _ => {}
            }
        }
    }
    for (m, message) in world.queue.iter().enumerate() {
        if m > 0 && world.queue[m - 1] == *message {
            continue;
        }
        if left.duplicates > 0 {
            actions.push(Action::Duplicate(m));
        }
        if left.double_deliveries > 0 {
            actions.push(Action::DeliverTwice(m));
        }
    }
}

/// Any message may be delivered next, and any two may form a batch.
fn receive(world: &World, bounds: &Bounds, actions: &mut Vec<Action>) {
    let Some(w) = world.workers.iter().position(|worker| worker.permits.is_empty()) else { return };
    let hurries = usize::from(world.budgets.early_deliveries);
    let comes = |m: usize| {
        let message = &world.queue[m];
        let again = m > 0 && world.queue[m - 1] == *message;
        // Only clock differences make a message early, and by then its job's row is written.
        let may_hurry = !message.delayed || world.job(message.job).row == Row::Delayed;
        let comes = message.after_index == 0 && message.after_lease == 0 && may_hurry;
        comes.then_some((again, message.delayed))
    };
    for m in 0..world.queue.len() {
        let Some((again, early)) = comes(m) else { continue };
        if usize::from(early) > hurries {
            continue;
        }
        if !again {
            actions.push(Action::Receive(w, vec![m]));
        }
        for other in m + 1..world.queue.len() {
            let Some((_, too)) = comes(other).filter(|_| bounds.batch > 1) else { continue };
            if usize::from(early) + usize::from(too) <= hurries {
                actions.push(Action::Receive(w, vec![m, other]));
            }
        }
    }
}

/// Whether something waits for a job's time, and that time may pass.
fn falls_due(world: &World, job: u8) -> bool {
    let it = world.job(job);
    let waits = it.row == Row::Delayed
        || it.due_too_early
        || matches!(it.client, Client::Sent(Delay::Soon, false))
        || world.queue.iter().any(|message| message.job == job && message.delayed)
        || world.permits().any(
            |permit| matches!(permit.step, Step::Requeue { job: n, passed: false, .. } if n == job),
        );
    // A long delay outlasts a write in progress: a client's takes seconds, a worker's ends with
    // its lease.
    let writes = matches!(it.client, Client::Sent(Delay::Late, _))
        || world.permits().any(|permit| {
            matches!(permit.step, Step::Requeue { job: n, token, delay: Delay::Late, .. }
                if n == job && it.row == Row::Leased && it.owner == token)
        });
    waits && !writes
}
