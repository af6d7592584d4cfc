//! The steps of what nobody takes: time, the index, the queue.

use crate::world::{Client, Row, Step, View, World};

/// What a job waits for has passed: for its row, for its messages, and for who is about to write it.
pub fn falls_due(world: &mut World, job: u8) {
    let it = world.job_mut(job);
    it.hasty = false;
    if it.view == View::Later && it.row == Row::Waits {
        it.view = View::Due;
    }
    if let Client::Sent(_, passed) = &mut it.client {
        *passed = true;
    }
    if it.row == Row::Waits {
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

/// A lease ends, as a rule because nobody is left to end the attempt.
pub fn lease_ends(world: &mut World, job: u8) {
    if world.has_holder(job) {
        world.left.overruns -= 1;
    }
    let it = world.job_mut(job);
    if it.view == View::Later {
        it.view = View::Due;
    }
    let listed = it.listed;
    world.write(job, Row::Orphaned, listed);
}

/// What the index shows of a job becomes due by itself.
pub fn passes(world: &mut World, job: u8) {
    world.job_mut(job).view = View::Due;
}

/// The index goes straight to what the row is: what it might have shown in between it may as well have shown in time.
pub fn catch_up(world: &mut World, job: u8) {
    let it = world.job_mut(job);
    it.view = it.shown();
}

/// At least once: the same message again, of which the queue knows nothing.
pub fn copy(world: &mut World, message: usize) {
    world.left.copies -= 1;
    world.queue.push(world.queue[message]);
}

/// At least once: two deliveries of one message, which is gone when either is deleted.
pub fn twin(world: &mut World, message: usize) {
    world.left.twins -= 1;
    world.queue[message].twin = true;
    world.queue.push(world.queue[message]);
}
