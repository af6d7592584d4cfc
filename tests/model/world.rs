//! A state of the world: table, index, queue and workers.

use crate::bounds::{Delay, Faults};

/// A state of the whole system. Times are not numbers: only whether one has passed matters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub jobs: Vec<Job>,
    /// Sorted, because the queue has no order.
    pub queue: Vec<Message>,
    /// Sorted, because workers are alike. A worker without permits is between two invocations.
    pub workers: Vec<Worker>,
    /// Remaining budgets.
    pub budgets: Faults,
    /// Whether a message that was delivered twice has been deleted.
    pub twin_deleted: bool,
    /// A violation that occurred.
    pub breach: Option<Breach>,
}

/// A job in the table, in the index, and as its client knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    pub row: Row,
    pub attempts: u8,
    /// Whether the row has an `agenda`, and so is in the ready queue.
    pub listed: bool,
    /// Token of the latest claim while a worker knows it, else 0.
    pub owner: u8,
    pub view: View,
    pub client: Client,
    /// Whether it is due only because listing it overwrote its due time.
    pub due_too_early: bool,
}

/// A job's status, and whether `due_at` or `lease_until` has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Row {
    Absent,
    /// Queued, not due yet.
    Delayed,
    /// Queued and due.
    Ready,
    /// Running.
    Leased,
    /// Running, with an expired lease.
    LeaseExpired,
    Completed,
    Failed,
    Cancelled,
}

/// A job's entry in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    Absent,
    /// With a `due_at` that has not passed.
    NotDue,
    Due,
}

/// Progress of a client's command, `accept` or `requeue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    Quiet,
    /// The message is sent and the row is not written; the delay, and whether it has passed.
    Sent(Delay, bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Message {
    pub job: u8,
    pub looks: u8,
    /// Arrives when its job is due.
    pub delayed: bool,
    /// Arrives after the index shows these jobs' rows as of the send: one bit per job.
    pub after_index: u8,
    /// Arrives after these jobs' leases expire: one bit per job.
    pub after_lease: u8,
    /// One of two deliveries of the same message.
    pub twin: bool,
}

/// An invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Worker {
    pub permits: Vec<Permit>,
    /// Jobs to list before anything else.
    pub unlisted: Vec<u8>,
    pub alternatives: Vec<u8>,
    /// Jobs that were due at its poll and have not changed since: one bit per job.
    pub seen_due: u8,
}

/// A message in flight, and its progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Permit {
    pub job: u8,
    pub looks: u8,
    pub twin: bool,
    pub step: Step,
}

/// A permit's next action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Poll for due jobs.
    Plan,
    /// Claim a job; the token is set if the response to an earlier claim was lost.
    Claim { job: u8, token: u8 },
    /// Call the target.
    Deliver { job: u8, token: u8 },
    /// Repeat the write of the outcome.
    Finish { job: u8, token: u8, to: Row },
    /// Write `queued` for a retry whose message is sent; `passed` if its delay has passed.
    Requeue { job: u8, token: u8, delay: Delay, passed: bool },
    /// Fail an abandoned job if it still has this number of attempts.
    FailAbandoned { job: u8, attempts: u8 },
    /// Delete the message.
    Done,
    /// Poll again later; whether jobs were in sight.
    Idle(bool),
    /// Return when its job is due.
    Wait,
    /// Return unchanged.
    Nack,
}

/// A violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Breach {
    /// A row changed in a forbidden way, such as a replaced outcome.
    ForbiddenTransition(Row, Row),
    /// A job was claimed before it was due.
    TooEarly,
    /// A job was claimed although more better jobs were due than permits are in flight.
    OutOfOrder,
}

impl Row {
    pub fn ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    pub fn queued(self) -> bool {
        matches!(self, Self::Delayed | Self::Ready)
    }

    pub fn running(self) -> bool {
        matches!(self, Self::Leased | Self::LeaseExpired)
    }

    fn may_become(self, to: Self) -> bool {
        match self {
            Self::Absent => to.queued(),
            Self::Delayed => matches!(to, Self::Ready | Self::Cancelled),
            Self::Ready => matches!(to, Self::Leased | Self::Cancelled),
            Self::Leased => to.ended() || to.queued() || to == Self::LeaseExpired,
            Self::LeaseExpired => to.ended() || to.queued() || to == Self::Leased,
            Self::Failed | Self::Cancelled => to == Self::Ready,
            Self::Completed => false,
        }
    }
}

impl Job {
    /// The entry in a current index.
    pub fn shown(&self) -> View {
        match self.row {
            _ if !self.listed => View::Absent,
            Row::Ready | Row::LeaseExpired => View::Due,
            _ => View::NotDue,
        }
    }

    pub fn is_behind(&self) -> bool {
        self.view != self.shown()
    }
}

impl Step {
    /// The claim that the step holds, as job and token.
    pub fn claim(self) -> Option<(u8, u8)> {
        match self {
            Self::Claim { job, token }
            | Self::Deliver { job, token }
            | Self::Finish { job, token, .. }
            | Self::Requeue { job, token, .. } => {
                Some((job, token)).filter(|(_, token)| *token > 0)
            }
            _ => None,
        }
    }

    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Idle(_) | Self::Wait | Self::Nack)
    }
}

impl World {
    pub fn job(&self, job: u8) -> &Job {
        &self.jobs[usize::from(job)]
    }

    pub fn job_mut(&mut self, job: u8) -> &mut Job {
        &mut self.jobs[usize::from(job)]
    }

    pub fn permits(&self) -> impl Iterator<Item = &Permit> {
        self.workers.iter().flat_map(|worker| &worker.permits)
    }

    /// Whether a running worker holds a job's latest claim.
    pub fn has_holder(&self, job: u8) -> bool {
        let owner = self.job(job).owner;
        self.permits().any(|permit| permit.step.claim() == Some((job, owner)))
    }

    /// Writes a row, and records a forbidden transition.
    pub fn write(&mut self, job: u8, to: Row, listed: bool) {
        let from = self.job(job).row;
        if !from.may_become(to) {
            self.breach = Some(Breach::ForbiddenTransition(from, to));
        }
        let row = self.job_mut(job);
        (row.row, row.listed) = (to, listed);
        self.workers.iter_mut().for_each(|worker| worker.seen_due &= !(1 << job));
    }

    pub fn send(&mut self, job: u8, looks: u8, delayed: bool) {
        let message = Message { job, looks, delayed, after_index: 0, after_lease: 0, twin: false };
        self.queue.push(message);
    }

    /// Jobs with a write that is in progress or not visible in the index: one bit per job.
    pub fn unindexed(&self) -> u8 {
        let requeued = |n: u8| {
            self.permits()
                .any(|permit| matches!(permit.step, Step::Requeue { job, .. } if job == n))
        };
        job_mask(&self.jobs, |n, job| job.is_behind() || job.client != Client::Quiet || requeued(n))
    }

    /// Maps equivalent states to one form.
    pub fn normalize(&mut self, lag: bool) {
        if !lag {
            self.jobs.iter_mut().for_each(|job| job.view = job.shown());
        }
        for n in 0..self.jobs.len() {
            let n = u8::try_from(n).unwrap();
            if !self.has_holder(n) {
                self.job_mut(n).owner = 0;
            }
        }
        let (unsettled, held) =
            (self.unindexed(), job_mask(&self.jobs, |_, job| job.row == Row::Leased));
        for message in &mut self.queue {
            message.after_index &= unsettled;
            message.after_lease &= held;
        }
        self.queue.sort_unstable();
        self.workers.sort_unstable();
    }
}

/// One bit for each job that satisfies the condition.
pub fn job_mask(jobs: &[Job], is_so: impl Fn(u8, &Job) -> bool) -> u8 {
    (0u8..).zip(jobs).filter(|(n, job)| is_so(*n, job)).fold(0, |bits, (n, _)| bits | 1 << n)
}
