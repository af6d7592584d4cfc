//! The protocol as a model: initial state, actions, transitions and properties.

use model::{
    id::{JobId, generate},
    kind::{Discipline, Rank},
    time::Time,
};
use stateright::{Model, Property};

use crate::{
    action::{self, Action},
    bounds::{Bounds, Flaw},
    client, clock, property,
    world::{Client, Job, Row, View, Worker, World},
};

/// The time of every decision. Times that have passed are before it, others after.
pub const NOW: Time = Time::from_millis(1_700_000_000_000);

/// The jobs of one account and kind, within bounds.
pub struct Protocol {
    pub bounds: Bounds,
    pub flaw: Option<Flaw>,
    pub ids: Vec<JobId>,
    pub ranks: Vec<Rank>,
}

impl Protocol {
    pub fn new(discipline: Discipline, bounds: Bounds, flaw: Option<Flaw>) -> Self {
        let ids: Vec<JobId> = (1..)
            .take(bounds.jobs.len())
            .map(|n| generate(Time::from_millis(n), [7; 10]))
            .collect();
        let ranks = ids.iter().zip(bounds.jobs);
        let ranks =
            ranks.map(|(id, (priority, _))| discipline.rank(*id, *priority).unwrap()).collect();
        Self { bounds, flaw, ids, ranks }
    }

    pub fn number(&self, id: JobId) -> u8 {
        let place = self.ids.iter().position(|other| *other == id).unwrap();
        u8::try_from(place).unwrap()
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let job = Job {
            row: Row::Absent,
            attempts: 0,
            listed: false,
            owner: 0,
            view: View::Absent,
            client: Client::Quiet,
            due_too_early: false,
        };
        vec![World {
            jobs: vec![job; self.bounds.jobs.len()],
            queue: Vec::new(),
            workers: vec![Worker::default(); self.bounds.workers],
            budgets: self.bounds.faults,
            twin_deleted: false,
            breach: None,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        action::eventual(world, &self.bounds, actions);
        action::optional(world, &self.bounds, actions);
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        let next = &mut world;
        match action {
            Action::Submit(job, delay) => client::submit(next, job, delay, &self.bounds, self.flaw),
            Action::WriteRow(job) => client::write_row(next, job, self.flaw),
            Action::Retry(job) => client::retry(next, job, &self.bounds),
            Action::WriteRetried(job) => client::write_retried(next, job, &self.bounds, self.flaw),
            Action::AbortRequest(job) => client::abort_request(next, job),
            Action::Cancel(job) => client::cancel(next, job),
            Action::Receive(w, messages) => self.receive(next, w, &messages),
            Action::Plan(w, passed) => self.plan(next, w, passed),
            Action::List(w) => self.list(next, w),
            Action::Claim(w, p, heard) => self.claim(next, w, p, heard),
            Action::Finish(w, p, to, heard) => self.finish(next, w, p, to, heard),
            Action::SendRetry(w, p, delay) => self.send_retry(next, w, p, delay),
            Action::Requeue(w, p, heard) => self.requeue(next, w, p, heard),
            Action::FailAbandoned(w, p) => self.fail_abandoned(next, w, p),
            Action::FinishBatch(w) => self.finish_batch(next, w),
            Action::Crash(w) => self.crash(next, w),
            Action::Duplicate(message) => clock::duplicate(next, message),
            Action::DeliverTwice(message) => clock::deliver_twice(next, message),
            Action::CatchUp(job) => clock::catch_up(next, job),
            Action::IndexFallsDue(job) => clock::index_falls_due(next, job),
            Action::FallsDue(job) => clock::falls_due(next, job),
            Action::LeaseExpires(job) => clock::lease_expires(next, job),
        }
        world.normalize(self.bounds.index_lag);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::of(&self.bounds)
    }
}
