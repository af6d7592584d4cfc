//! The protocol as a model: initial state, actions, transitions and properties.

use shared::{
    id::{JobId, mint},
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
        let ids: Vec<JobId> =
            (1..).take(bounds.jobs.len()).map(|n| mint(Time::from_millis(n), [7; 10])).collect();
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
            hasty: false,
        };
        vec![World {
            jobs: vec![job; self.bounds.jobs.len()],
            queue: Vec::new(),
            workers: vec![Worker::default(); self.bounds.workers],
            left: self.bounds.faults,
            twin_deleted: false,
            breach: None,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        action::forced(world, &self.bounds, actions);
        action::free(world, &self.bounds, actions);
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        let next = &mut world;
        match action {
            Action::Submit(job, delay) => client::submit(next, job, delay, &self.bounds, self.flaw),
            Action::Put(job) => client::put(next, job, self.flaw),
            Action::Reopen(job) => client::reopen(next, job, &self.bounds),
            Action::Reopened(job) => client::reopened(next, job, &self.bounds, self.flaw),
            Action::Refuse(job) => client::refuse(next, job),
            Action::Cancel(job) => client::cancel(next, job),
            Action::Receive(w, messages) => self.receive(next, w, &messages),
            Action::Look(w, passed) => self.look(next, w, passed),
            Action::List(w) => self.list(next, w),
            Action::Claim(w, p, heard) => self.claim(next, w, p, heard),
            Action::Finish(w, p, to, heard) => self.finish(next, w, p, to, heard),
            Action::Return(w, p, delay) => self.give_back(next, w, p, delay),
            Action::Requeue(w, p, heard) => self.requeue(next, w, p, heard),
            Action::Bury(w, p) => self.bury(next, w, p),
            Action::Close(w) => self.close(next, w),
            Action::Crash(w) => self.crash(next, w),
            Action::Copy(message) => clock::copy(next, message),
            Action::Twin(message) => clock::twin(next, message),
            Action::CatchUp(job) => clock::catch_up(next, job),
            Action::Passes(job) => clock::passes(next, job),
            Action::FallsDue(job) => clock::falls_due(next, job),
            Action::LeaseEnds(job) => clock::lease_ends(next, job),
        }
        world.settle(self.bounds.lag);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        property::of(&self.bounds)
    }
}
