//! The steps of clients: `accept`, `cancel_queued` and `requeue` of the function `submit`.

use crate::{
    bounds::{Bounds, Delay, Flaw},
    world::{Client, Row, World},
};

/// `accept` sends first: an extra permit is harmless.
pub fn submit(world: &mut World, job: u8, delay: Delay, bounds: &Bounds, flaw: Option<Flaw>) {
    world.job_mut(job).client = Client::Sent(delay, false);
    if flaw == Some(Flaw::WrittenBeforeSent) {
        world.write(job, Row::Ready, true);
    } else {
        world.send(job, bounds.used_polls, delay != Delay::None);
    }
}

/// `accept` then writes the row, and lists it if its message may have arrived by now.
pub fn write_row(world: &mut World, job: u8, flaw: Option<Flaw>) {
    let Client::Sent(delay, passed) = world.job(job).client else { return };
    world.job_mut(job).client = Client::Quiet;
    let soon = delay == Delay::Soon && flaw != Some(Flaw::SoonUnlisted);
    let row = if delay == Delay::None || passed { Row::Ready } else { Row::Delayed };
    world.write(job, row, delay == Delay::None || soon);
}

/// `requeue` also sends first.
pub fn retry(world: &mut World, job: u8, bounds: &Bounds) {
    world.budgets.job_retries -= 1;
    world.job_mut(job).client = Client::Sent(Delay::None, false);
    world.send(job, bounds.used_polls, false);
}

/// `requeue` then writes, if the job is unchanged.
pub fn write_retried(world: &mut World, job: u8, bounds: &Bounds, flaw: Option<Flaw>) {
    world.job_mut(job).client = Client::Quiet;
    if flaw == Some(Flaw::WrittenBeforeSent) {
        // The second half of `accept`, in the wrong order.
        return world.send(job, bounds.used_polls, false);
    }
    if matches!(world.job(job).row, Row::Failed | Row::Cancelled) {
        world.write(job, Row::Ready, true);
        world.job_mut(job).attempts = 0;
    }
}

/// A request that ends early: nothing was promised.
pub fn abort_request(world: &mut World, job: u8) {
    world.budgets.aborted_requests -= 1;
    world.job_mut(job).client = Client::Quiet;
}

/// `cancel_queued`: the message remains as a permit for other jobs.
pub fn cancel(world: &mut World, job: u8) {
    world.budgets.cancels -= 1;
    world.write(job, Row::Cancelled, false);
    world.job_mut(job).due_too_early = false;
}
