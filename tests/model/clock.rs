//! Steps without an actor: time, the index, the queue.

use crate::world::{Client, Row, Step, View, World};

/// The time that a job waits for passes: for its row, its messages, and a pending write.
pub fn falls_due(world: &mut World, job: u8) {
    let it = world.job_mut(job);
    it.due_too_early = false;
    if it.view == View::NotDue && it.row == Row::Delayed {
        it.view = View::Due;
    }
    if let Client::Sent(_, passed) = &mut it.client {
        *passed = true;
    }
    if it.row == Row::Delayed {
        let listed = it.listed;
        world.write(job, Row::Ready, listed);
    }
    world
        .queue
        .iter_mut()
        .filter(|message| message.job == job)
        .for_each(|message| message.delayed = false);
    for permit in world.workers.iter_mut().flat_map(|worker| &mut worker.permits) {
        if let Step::Requeue { job: n, passed, .. } = &mut permit.step
            && *n == job
        {
            *passed = true;
        }
    }
}

/// A lease expires, usually because its holder crashed.
pub fn lease_expires(world: &mut World, job: u8) {
    if world.has_holder(job) {
        world.budgets.lease_overruns -= 1;
    }
    let it = world.job_mut(job);
    if it.view == View::NotDue {
        it.view = View::Due;
    }
    let listed = it.listed;
    world.write(job, Row::LeaseExpired, listed);
}

/// The index entry of a job becomes due by time alone.
pub fn index_falls_due(world: &mut World, job: u8) {
    world.job_mut(job).view = View::Due;
}

/// The index skips to the current row. Runs in which it keeps up cover the states in between.
pub fn catch_up(world: &mut World, job: u8) {
    let it = world.job_mut(job);
    it.view = it.shown();
}

/// At-least-once delivery: a duplicate that the queue does not recognize as such.
pub fn duplicate(world: &mut World, message: usize) {
    world.budgets.duplicates -= 1;
    world.queue.push(world.queue[message]);
}

/// At-least-once delivery: two deliveries of one message. Deleting either deletes the message.
pub fn deliver_twice(world: &mut World, message: usize) {
    world.budgets.double_deliveries -= 1;
    world.queue[message].twin = true;
    world.queue.push(world.queue[message]);
}
