//! The steps of workers: `assign`, `attempt` and `finish` of the function `queue-worker`, and their
//! writes.

use std::{collections::VecDeque, time::Duration};

use model::{
    job::{
        ClaimDenied, Lease, Status, claim_denied,
        ready_queue::{IDLE_RETRIES, PermitState, PermitUse, ReadyJob, idle_backoff, plan},
    },
    time::Time,
};

use crate::{
    bounds::{Delay, Flaw},
    protocol::{NOW, Protocol},
    world::{Breach, Message, Permit, Row, Step, View, Worker, World, job_mask},
};

/// Upper bound of the index lag: a permit that waits this long sees what was written before.
const LAG: Duration = Duration::from_secs(60);
const PAST: Time = Time::from_millis(NOW.millis() - 1000);
const FUTURE: Time = Time::from_millis(NOW.millis() + 60_000);

impl Protocol {
    /// Lambda delivers a batch.
    pub fn receive(&self, world: &mut World, w: usize, messages: &[usize]) {
        for m in messages.iter().rev() {
            let Message { job, looks, delayed, twin, .. } = world.queue.remove(*m);
            world.budgets.early_deliveries -= u8::from(delayed);
            world.workers[w].permits.push(Permit { job, looks, twin, step: Step::Plan });
        }
        world.workers[w].permits.sort_unstable();
    }

    /// `plan_permits`, with the real `ready_queue::plan`. Skips the first `passed` jobs, which
    /// others are claiming.
    pub fn plan(&self, world: &mut World, w: usize, passed: usize) {
        let permits: Vec<_> = world.workers[w].permits.iter().map(|permit| permit.job).collect();
        let own: Vec<_> = permits
            .iter()
            .map(|job| (self.ids[usize::from(*job)], self.own_state(world, *job)))
            .collect();
        let mut agenda: Vec<_> =
            (0u8..).zip(&world.jobs).filter_map(|(n, job)| self.entry(n, job.view)).collect();
        agenda.sort_by(|a, b| a.rank.cmp(&b.rank));
        let plan = plan(&own, &agenda, NOW);
        // Only used to check the order, which is not checked with a lagging index.
        let saw =
            job_mask(&world.jobs, |_, job| job.shown() == View::Due && !self.bounds.index_lag);
        let Worker { permits, unlisted, alternatives: reserve, seen_due: seen } =
            &mut world.workers[w];
        let mut others: VecDeque<_> =
            plan.candidates.into_iter().map(|id| self.number(id)).collect();
        others.rotate_left(passed.min(others.len()));
        for (permit, errand) in permits.iter_mut().zip(plan.uses) {
            permit.step = match errand {
                PermitUse::OwnJob(id) => Step::Claim { job: self.number(id), token: 0 },
                PermitUse::OtherJob => match others.pop_front() {
                    Some(job) => Step::Claim { job, token: 0 },
                    None => Step::Idle(true),
                },
                PermitUse::WaitUntil(_) => Step::Wait,
                PermitUse::Idle { jobs_listed: in_sight } => Step::Idle(in_sight),
            };
        }
        *seen = saw;
        *reserve = others.into();
        if self.flaw != Some(Flaw::NotListedFirst) {
            *unlisted = plan.unlisted.into_iter().map(|id| self.number(id)).collect();
        }
    }

    /// `JobStore::own_jobs`: the state of a permit's own job in the table.
    fn own_state(&self, world: &World, job: u8) -> PermitState {
        let it = world.job(job);
        match it.row {
            Row::Delayed => PermitState::NotBefore(FUTURE),
            Row::Ready | Row::LeaseExpired if self.flaw != Some(Flaw::IndexTrustedAlone) => {
                PermitState::Ready { rank: self.ranks[usize::from(job)].clone(), listed: it.listed }
            }
            _ => PermitState::NotClaimable,
        }
    }

    /// `JobStore::ready_queue`: the index entry of a job.
    fn entry(&self, job: u8, view: View) -> Option<ReadyJob> {
        let due_at = match view {
            View::Absent => return None,
            View::NotDue => FUTURE,
            View::Due => PAST,
        };
        let job = usize::from(job);
        Some(ReadyJob { id: self.ids[job], rank: self.ranks[job].clone(), due_at })
    }

    /// `JobStore::add_to_ready_queue`, with its condition.
    pub fn list(&self, world: &mut World, w: usize) {
        let job = world.workers[w].unlisted.remove(0);
        let it = world.job_mut(job);
        if it.listed {
            return;
        }
        match it.row {
            Row::Ready => world.write_listed(job),
            Row::Delayed if self.flaw == Some(Flaw::ListedTooLate) => {
                it.due_too_early = true;
                world.write(job, Row::Ready, true);
            }
            _ => {}
        }
    }

    /// `JobStore::claim`, with its condition, and how the worker's `claim` and `claim_next` handle
    /// a denied claim.
    pub fn claim(&self, world: &mut World, w: usize, p: usize, heard: bool) {
        let Step::Claim { job, token } = world.workers[w].permits[p].step else { return };
        let it = *world.job(job);
        let free =
            matches!(it.row, Row::Ready | Row::LeaseExpired) && it.attempts < self.bounds.attempts;
        let step = if free {
            self.check_order(world, w, job);
            if it.due_too_early {
                world.breach = Some(Breach::TooEarly);
            }
            let token = if token == 0 { fresh_token(world) } else { token };
            world.write(job, Row::Leased, true);
            let it = world.job_mut(job);
            (it.attempts, it.owner) = (it.attempts + 1, token);
            if heard { Step::Deliver { job, token } } else { Step::Claim { job, token } }
        } else if it.row.running() && token > 0 && it.owner == token {
            // `Lease::is_held_by`.
            Step::Deliver { job, token }
        } else if claim_denied(&self.lease(world, job), NOW) == ClaimDenied::Exhausted {
            Step::FailAbandoned { job, attempts: it.attempts }
        } else {
            let reserve = &mut world.workers[w].alternatives;
            let next = (!reserve.is_empty()).then(|| reserve.remove(0));
            next.map_or(Step::Idle(true), |job| Step::Claim { job, token: 0 })
        };
        world.budgets.lost_responses -= u8::from(!heard);
        world.workers[w].permits[p].step = step;
    }

    fn lease(&self, world: &World, job: u8) -> Lease {
        let it = world.job(job);
        let status = match it.row {
            Row::Leased | Row::LeaseExpired => Status::Running,
            Row::Completed => Status::Completed,
            Row::Failed => Status::Failed,
            Row::Cancelled => Status::Cancelled,
            Row::Absent | Row::Delayed | Row::Ready => Status::Queued,
        };
        Lease {
            status,
            attempts: it.attempts.into(),
            max_attempts: self.bounds.attempts.into(),
            due_at: (it.row == Row::Delayed).then_some(FUTURE),
            lease_until: it.row.running().then_some(if it.row == Row::Leased {
                FUTURE
            } else {
                PAST
            }),
            owner: None,
            end_event: None,
        }
    }

    /// Of the better jobs that this worker saw, at most as many are still unclaimed as other
    /// permits are in flight.
    fn check_order(&self, world: &mut World, w: usize, job: u8) {
        let rank = |job: u8| &self.ranks[usize::from(job)];
        let saw = world.workers[w].seen_due;
        let better = (0u8..).zip(&world.jobs).filter(|(n, it)| {
            saw & 1 << n != 0
                && it.shown() == View::Due
                && it.attempts < self.bounds.attempts
                && rank(*n) < rank(job)
        });
        let in_flight = world.permits().filter(|permit| !permit.step.is_over()).count();
        if !self.bounds.index_lag && better.count() >= in_flight {
            world.breach = Some(Breach::OutOfOrder);
        }
    }

    /// `JobStore::end_attempt` with an outcome, with its condition.
    pub fn finish(&self, world: &mut World, w: usize, p: usize, to: Row, heard: bool) {
        let Some((job, token)) = world.workers[w].permits[p].step.claim() else { return };
        let step = end(world, job, token, to, false);
        world.budgets.lost_responses -= u8::from(!heard);
        world.workers[w].permits[p].step =
            if heard { step } else { Step::Finish { job, token, to } };
    }

    /// `persist_outcome`: the message of a job to retry is sent first.
    pub fn send_retry(&self, world: &mut World, w: usize, p: usize, delay: Delay) {
        let Step::Deliver { job, token } = world.workers[w].permits[p].step else { return };
        let mut step = Step::Requeue { job, token, delay, passed: false };
        if self.flaw == Some(Flaw::QueuedBeforeSent) {
            if end(world, job, token, Row::Delayed, false) == Step::Nack {
                step = Step::Nack;
            }
        } else {
            world.send(job, self.bounds.used_polls, true);
        }
        world.workers[w].permits[p].step = step;
    }

    /// `JobStore::end_attempt` with `queued`, with its condition. Lists the job if its message may
    /// have arrived by now.
    pub fn requeue(&self, world: &mut World, w: usize, p: usize, heard: bool) {
        let Step::Requeue { job, token, delay, passed } = world.workers[w].permits[p].step else {
            return;
        };
        let soon = delay == Delay::Soon && self.flaw != Some(Flaw::SoonUnlisted);
        let mut step = Step::Done;
        if self.flaw == Some(Flaw::QueuedBeforeSent) {
            world.send(job, self.bounds.used_polls, !passed);
        } else {
            step = end(world, job, token, if passed { Row::Ready } else { Row::Delayed }, soon);
        }
        world.budgets.lost_responses -= u8::from(!heard);
        if heard {
            world.workers[w].permits[p].step = step;
        }
    }

    /// `JobStore::fail_abandoned`, with its condition.
    pub fn fail_abandoned(&self, world: &mut World, w: usize, p: usize) {
        let Step::FailAbandoned { job, attempts } = world.workers[w].permits[p].step else {
            return;
        };
        let it = world.job_mut(job);
        world.workers[w].permits[p].step = if it.row.running() && it.attempts == attempts {
            it.owner = 0;
            world.write(job, Row::Failed, false);
            Step::Done
        } else {
            Step::Nack
        };
    }

    /// `handle`: sends replacement messages, then deletes the originals. A crash between the two
    /// leaves a duplicate, which is a separate fault.
    pub fn finish_batch(&self, world: &mut World, w: usize) {
        let unsettled = world.unindexed();
        let Worker { permits, .. } = std::mem::take(&mut world.workers[w]);
        for Permit { job, looks, twin, step } in permits {
            let mut next =
                Message { job, looks, delayed: false, after_index: 0, after_lease: 0, twin: false };
            match step {
                Step::Idle(in_sight) => {
                    let in_sight = in_sight && self.flaw != Some(Flaw::DroppedWhileJobsInSight);
                    if let Some(pause) = idle_backoff(looks, in_sight) {
                        // Polls after the last guaranteed one are alike.
                        next.looks = IDLE_RETRIES.min(looks + 1);
                        next.after_index = if pause >= LAG { unsettled } else { 0 };
                        world.queue.push(next);
                    }
                }
                Step::Wait => {
                    next.delayed = world.job(job).row == Row::Delayed;
                    world.queue.push(next);
                }
                Step::Nack if !(twin && world.twin_deleted) => {
                    world.queue.push(Message { twin, ..next });
                    continue;
                }
                _ => {}
            }
            if twin {
                world.twin_deleted = true;
                world.queue.retain(|message| !message.twin);
            }
        }
    }

    /// A worker crashes. Its messages reappear after their visibility timeout, which is longer
    /// than the leases that it held.
    pub fn crash(&self, world: &mut World, w: usize) {
        world.budgets.crashes -= 1;
        let Worker { permits, .. } = std::mem::take(&mut world.workers[w]);
        let after_lease = permits
            .iter()
            .filter_map(|permit| permit.step.claim())
            .fold(0, |bits, (job, _)| bits | 1 << job);
        for Permit { job, looks, twin, .. } in permits {
            if !(twin && world.twin_deleted) {
                world.queue.push(Message {
                    job,
                    looks,
                    delayed: false,
                    after_index: 0,
                    after_lease,
                    twin,
                });
            }
        }
    }
}

/// `JobStore::end_attempt`: only the holder of the latest claim may write, and it recognizes its
/// own write.
fn end(world: &mut World, job: u8, token: u8, to: Row, listed: bool) -> Step {
    let it = world.job(job);
    if it.owner != token {
        return Step::Nack;
    }
    if it.row.running() {
        world.write(job, to, listed);
    }
    Step::Done
}

/// A token that is not in use.
fn fresh_token(world: &World) -> u8 {
    let taken = |token| {
        world.jobs.iter().any(|job| job.owner == token)
            || world
                .permits()
                .any(|permit| permit.step.claim().is_some_and(|(_, other)| other == token))
    };
    (1..).find(|token| !taken(*token)).unwrap()
}

impl World {
    fn write_listed(&mut self, job: u8) {
        self.job_mut(job).listed = true;
    }
}
