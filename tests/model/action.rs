//! What can happen next.

use shared::job::agenda::LOOKS;

use crate::{
    bounds::{Bounds, Delay},
    world::{Client, Row, Step, View, World},
};

/// One step of somebody. A worker's are named by its place, and its permit's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `accept`: sends a job's message.
    Submit(u8, Delay),
    /// `accept`: puts its row.
    Put(u8),
    /// `put_back`: sends the message of a job that failed or was cancelled.
    Reopen(u8),
    /// `put_back`: writes its row.
    Reopened(u8),
    /// A client's request ends before its write.
    Refuse(u8),
    /// `call_off`.
    Cancel(u8),
    /// Lambda hands a worker messages, by their places in the queue.
    Receive(usize, Vec<usize>),
    /// `Worker::plan`: reads, and decides; how many jobs it passes over.
    Look(usize, usize),
    /// `JobStore::list`.
    List(usize),
    /// `JobStore::claim`; whether its answer is heard.
    Claim(usize, usize, bool),
    /// `JobStore::end` with an outcome; whether its answer is heard.
    Finish(usize, usize, Row, bool),
    /// `conclude`: sends the message of a job that is to be tried again.
    Return(usize, usize, Delay),
    /// `JobStore::end` with `queued`; whether its answer is heard.
    Requeue(usize, usize, bool),
    /// `JobStore::give_up`.
    Bury(usize, usize),
    /// The batch is done: what takes the place of messages is sent, and they are deleted.
    Close(usize),
    /// A worker dies.
    Crash(usize),
    /// A message in the queue is there once more.
    Copy(usize),
    /// A message in the queue is delivered twice.
    Twin(usize),
    /// The index shows a job's row.
    CatchUp(u8),
    /// What the index shows of a job was not due and is, while its row is another already.
    Passes(u8),
    /// What a job waits for has passed.
    FallsDue(u8),
    /// A job's lease ends.
    LeaseEnds(u8),
}

/// What happens sooner or later. If nothing of it is left the world is at rest, whatever clients may still do or may still go wrong.
pub fn forced(world: &World, bounds: &Bounds, actions: &mut Vec<Action>) {
    for (job, it) in (0u8..).zip(&world.jobs) {
        match it.client {
            Client::Sent(..) if it.row == Row::Absent => actions.push(Action::Put(job)),
            Client::Sent(..) => actions.push(Action::Reopened(job)),
            Client::Quiet => {}
        }
        if bounds.lag && it.is_behind() {
            actions.push(Action::CatchUp(job));
        }
        if falls_due(world, job) {
            actions.push(Action::FallsDue(job));
        }
        if it.row == Row::Held && !world.has_holder(job) {
            actions.push(Action::LeaseEnds(job));
        }
    }
    receive(world, bounds, actions);
    for (w, worker) in
        world.workers.iter().enumerate().filter(|(_, worker)| !worker.permits.is_empty())
    {
        if !worker.unlisted.is_empty() {
            actions.push(Action::List(w));
        } else if worker.permits[0].step == Step::Look {
            let last = worker.permits.iter().any(|permit| permit.looks >= LOOKS);
            if !(bounds.apart && last && world.unsettled() != 0) {
                actions.extend((0..=bounds.passed).map(|passed| Action::Look(w, passed)));
            }
        } else if worker.permits.iter().all(|permit| permit.step.is_over()) {
            actions.push(Action::Close(w));
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
        Step::Hold { job, .. } => {
            actions.push(Action::Finish(w, p, Row::Completed, true));
            // To a worker an outcome is an outcome; to a client it isn't.
            if world.left.reopens > 0 {
                actions.push(Action::Finish(w, p, Row::Failed, true));
            }
            if world.job(job).attempts < bounds.attempts {
                actions.extend(bounds.retries.iter().map(|delay| Action::Return(w, p, *delay)));
            }
        }
        Step::Finish { to, .. } => actions.push(Action::Finish(w, p, to, true)),
        Step::Requeue { .. } => actions.push(Action::Requeue(w, p, true)),
        Step::Bury { .. } => actions.push(Action::Bury(w, p)),
        Step::Look | Step::Done | Step::Idle(_) | Step::Wait | Step::Back => {}
    }
}

/// What clients may do and what may go wrong, but need not.
pub fn free(world: &World, bounds: &Bounds, actions: &mut Vec<Action>) {
    let left = world.left;
    for (job, it) in (0u8..).zip(&world.jobs) {
        let idle = it.client == Client::Quiet;
        let asked = bounds.jobs[usize::from(job)].1;
        match it.row {
            // In the order of their ids.
            Row::Absent if idle && (job == 0 || world.job(job - 1).row != Row::Absent) => {
                actions.extend(asked.iter().map(|delay| Action::Submit(job, *delay)));
            }
            Row::Waits | Row::Ready if left.cancels > 0 => actions.push(Action::Cancel(job)),
            Row::Failed | Row::Cancelled if idle && left.reopens > 0 => {
                actions.push(Action::Reopen(job))
            }
            Row::Held if left.overruns > 0 && world.has_holder(job) => {
                actions.push(Action::LeaseEnds(job))
            }
            _ => {}
        }
        if !idle && left.refusals > 0 {
            actions.push(Action::Refuse(job));
        }
        if bounds.lag && it.is_behind() && it.view == View::Later {
            actions.push(Action::Passes(job));
        }
    }
    for (w, worker) in
        world.workers.iter().enumerate().filter(|(_, worker)| !worker.permits.is_empty())
    {
        if left.crashes > 0 {
            actions.push(Action::Crash(w));
        }
        let heard = left.unheard == 0 || !worker.unlisted.is_empty();
        for (p, permit) in worker.permits.iter().enumerate().filter(|_| !heard) {
            match permit.step {
                Step::Claim { token: 0, .. } => actions.push(Action::Claim(w, p, false)),
                Step::Hold { .. } => actions.push(Action::Finish(w, p, Row::Completed, false)),
                Step::Requeue { .. } => actions.push(Action::Requeue(w, p, false)),
                _ => {}
            }
        }
    }
    for (m, message) in world.queue.iter().enumerate() {
        if m > 0 && world.queue[m - 1] == *message {
            continue;
        }
        if left.copies > 0 {
            actions.push(Action::Copy(m));
        }
        if left.twins > 0 {
            actions.push(Action::Twin(m));
        }
    }
}

/// Any message may be the next, and for a batch any two.
fn receive(world: &World, bounds: &Bounds, actions: &mut Vec<Action>) {
    let Some(w) = world.workers.iter().position(|worker| worker.permits.is_empty()) else { return };
    let hurries = usize::from(world.left.hurries);
    let comes = |m: usize| {
        let message = &world.queue[m];
        let again = m > 0 && world.queue[m - 1] == *message;
        // Early is a matter of clocks that differ: by then the job's row has long been written.
        let may_hurry = !message.delayed || world.job(message.job).row == Row::Waits;
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

/// Whether something waits for a job's time, and it may pass.
fn falls_due(world: &World, job: u8) -> bool {
    let it = world.job(job);
    let waits = it.row == Row::Waits
        || it.hasty
        || matches!(it.client, Client::Sent(Delay::Soon, false))
        || world.queue.iter().any(|message| message.job == job && message.delayed)
        || world.permits().any(
            |permit| matches!(permit.step, Step::Requeue { job: n, passed: false, .. } if n == job),
        );
    // A long time doesn't pass while a write is under way: that of a client has seconds, that of a worker until its lease ends.
    let writes = matches!(it.client, Client::Sent(Delay::Late, _))
        || world.permits().any(|permit| {
            matches!(permit.step, Step::Requeue { job: n, token, delay: Delay::Late, .. }
                if n == job && it.row == Row::Held && it.owner == token)
        });
    waits && !writes
}
