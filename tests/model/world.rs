//! A state of the world: the table, its index, the queue, the workers.

use crate::bounds::{Delay, Faults};

/// Everything, at one moment. Times are not numbers: what matters of one is whether it has passed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub jobs: Vec<Job>,
    /// What is in the queue, sorted: it has no order.
    pub queue: Vec<Message>,
    /// Sorted, since they are all alike; one without permits is between two invocations.
    pub workers: Vec<Worker>,
    /// What may still go wrong.
    pub left: Faults,
    /// Whether a message that was delivered twice has been deleted.
    pub twin_deleted: bool,
    /// What happened that must not.
    pub breach: Option<Breach>,
}

/// A job as the table, the index and its client have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Job {
    pub row: Row,
    pub attempts: u8,
    /// Whether the row has an `agenda`.
    pub listed: bool,
    /// The token of the latest claim, as long as a worker knows it; or 0.
    pub owner: u8,
    /// What the index shows.
    pub view: View,
    pub client: Client,
    /// Whether it is due only because listing it overwrote when it should be.
    pub hasty: bool,
}

/// A job's status, with what has passed of `due_at` and `lease_until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Row {
    Absent,
    /// Queued, not due yet.
    Waits,
    /// Queued and due.
    Ready,
    /// Running.
    Held,
    /// Running, and its lease is over.
    Orphaned,
    Completed,
    Failed,
    Cancelled,
}

/// A job on the agenda.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    Absent,
    /// With a `due_at` that has not passed.
    Later,
    Due,
}

/// How far a client's command has come: `accept`, or `put_back`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    Quiet,
    /// The message is sent and the row is not written; what its delay was, and whether that has passed.
    Sent(Delay, bool),
}

/// A message in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Message {
    pub job: u8,
    pub looks: u8,
    /// It comes when its job is due.
    pub delayed: bool,
    /// It comes after the index has shown what these jobs' rows were when it was sent: a bit for each.
    pub after_index: u8,
    /// It comes after these jobs' leases: a bit for each.
    pub after_lease: u8,
    /// It is one of two deliveries of the same message.
    pub twin: bool,
}

/// An invocation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Worker {
    pub permits: Vec<Permit>,
    /// What has to be listed before anything else.
    pub unlisted: Vec<u8>,
    pub reserve: Vec<u8>,
    /// What was due when it looked, and has not been touched since: a bit for each job.
    pub saw: u8,
}

/// A message in flight, and how far its use has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Permit {
    pub job: u8,
    pub looks: u8,
    pub twin: bool,
    pub step: Step,
}

/// What a permit is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// To look what is due.
    Look,
    /// To claim a job, with a token if it tried and heard nothing.
    Claim { job: u8, token: u8 },
    /// To ask the target.
    Hold { job: u8, token: u8 },
    /// To write once more how the attempt ended.
    Finish { job: u8, token: u8, to: Row },
    /// To write that the attempt is to be repeated: the message is sent; whether its time has passed.
    Requeue { job: u8, token: u8, delay: Delay, passed: bool },
    /// To give up a job of which this was seen.
    Bury { job: u8, attempts: u8 },
    /// To be deleted.
    Done,
    /// To look again later; whether it saw jobs.
    Idle(bool),
    /// To come back when its job is due.
    Wait,
    /// To come back as it is.
    Back,
}

/// What must not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Breach {
    /// A row changed in a way that it never may, such as an outcome that is replaced.
    Unlawful(Row, Row),
    /// A job was claimed before its time.
    TooEarly,
    /// A job was claimed though more better ones were due than are in flight.
    OutOfOrder,
}

impl Row {
    pub fn ended(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    pub fn queued(self) -> bool {
        matches!(self, Self::Waits | Self::Ready)
    }

    pub fn running(self) -> bool {
        matches!(self, Self::Held | Self::Orphaned)
    }

    fn may_become(self, to: Self) -> bool {
        match self {
            Self::Absent => to.queued(),
            Self::Waits => matches!(to, Self::Ready | Self::Cancelled),
            Self::Ready => matches!(to, Self::Held | Self::Cancelled),
            Self::Held => to.ended() || to.queued() || to == Self::Orphaned,
            Self::Orphaned => to.ended() || to.queued() || to == Self::Held,
            Self::Failed | Self::Cancelled => to == Self::Ready,
            Self::Completed => false,
        }
    }
}

impl Job {
    /// What a current index shows of it.
    pub fn shown(&self) -> View {
        match self.row {
            _ if !self.listed => View::Absent,
            Row::Ready | Row::Orphaned => View::Due,
            _ => View::Later,
        }
    }

    pub fn is_behind(&self) -> bool {
        self.view != self.shown()
    }
}

impl Step {
    /// The claim that it stands for.
    pub fn claim(self) -> Option<(u8, u8)> {
        match self {
            Self::Claim { job, token }
            | Self::Hold { job, token }
            | Self::Finish { job, token, .. }
            | Self::Requeue { job, token, .. } => {
                Some((job, token)).filter(|(_, token)| *token > 0)
            }
            _ => None,
        }
    }

    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Idle(_) | Self::Wait | Self::Back)
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

    /// Whether a worker goes on that holds a job's latest claim.
    pub fn has_holder(&self, job: u8) -> bool {
        let owner = self.job(job).owner;
        self.permits().any(|permit| permit.step.claim() == Some((job, owner)))
    }

    /// Writes a row.
    pub fn write(&mut self, job: u8, to: Row, listed: bool) {
        let from = self.job(job).row;
        if !from.may_become(to) {
            self.breach = Some(Breach::Unlawful(from, to));
        }
        let row = self.job_mut(job);
        (row.row, row.listed) = (to, listed);
        self.workers.iter_mut().for_each(|worker| worker.saw &= !(1 << job));
    }

    pub fn send(&mut self, job: u8, looks: u8, delayed: bool) {
        let message = Message { job, looks, delayed, after_index: 0, after_lease: 0, twin: false };
        self.queue.push(message);
    }

    /// Jobs of which a write is under way or not yet to be seen in the index.
    pub fn unsettled(&self) -> u8 {
        let requeued = |n: u8| {
            self.permits()
                .any(|permit| matches!(permit.step, Step::Requeue { job, .. } if job == n))
        };
        bits(&self.jobs, |n, job| job.is_behind() || job.client != Client::Quiet || requeued(n))
    }

    /// Brings what can't be told apart into one form.
    pub fn settle(&mut self, lag: bool) {
        if !lag {
            self.jobs.iter_mut().for_each(|job| job.view = job.shown());
        }
        for n in 0..self.jobs.len() {
            let n = u8::try_from(n).unwrap();
            if !self.has_holder(n) {
                self.job_mut(n).owner = 0;
            }
        }
        let (unsettled, held) = (self.unsettled(), bits(&self.jobs, |_, job| job.row == Row::Held));
        for message in &mut self.queue {
            message.after_index &= unsettled;
            message.after_lease &= held;
        }
        self.queue.sort_unstable();
        self.workers.sort_unstable();
    }
}

/// A bit for each job of which something is true.
pub fn bits(jobs: &[Job], is_so: impl Fn(u8, &Job) -> bool) -> u8 {
    (0u8..).zip(jobs).filter(|(n, job)| is_so(*n, job)).fold(0, |bits, (n, _)| bits | 1 << n)
}
