//! What has to hold.

use stateright::Property;

use crate::{
    action,
    bounds::Bounds,
    protocol::Protocol,
    world::{Job, Step, World},
};

/// A world in which nothing has to happen any more has no job without its outcome. Every round of a message uses up something finite, a
/// look, an attempt or a budget, but for one: a permit that keeps looking while there are jobs in sight, and those don't wait for it.
pub const ENDS: &str = "every job ends";
/// What dropping permits must keep.
pub const PERMITS: &str = "there are as many messages as unfinished jobs";
/// Other permits find what is listed; what isn't has its own.
pub const FOUND: &str = "a job that isn't listed has its message";
/// What comes to rest without its outcome is where the audit finds it.
pub const AUDITED: &str = "what is left over is on the agenda";
pub const ATTEMPTS: &str = "no job has more attempts than allowed";
/// One holder, one outcome, nothing before its time, the best first.
pub const LAWFUL: &str = "nothing happens that must not";

pub fn of(bounds: &Bounds) -> Vec<Property<Protocol>> {
    let mut all = vec![
        Property::always(LAWFUL, |_, world: &World| world.breach.is_none()),
        Property::always(ATTEMPTS, |protocol: &Protocol, world: &World| {
            world.jobs.iter().all(|job| job.attempts <= protocol.bounds.attempts)
        }),
        Property::always(FOUND, |_, world: &World| {
            (0u8..)
                .zip(&world.jobs)
                .all(|(n, job)| !job.row.queued() || job.listed || has_message(world, n))
        }),
        Property::always(AUDITED, |protocol: &Protocol, world: &World| {
            world.jobs.iter().all(|job| !unfinished(job) || job.listed)
                || !is_at_rest(protocol, world)
        }),
    ];
    if bounds.apart {
        all.push(Property::always(PERMITS, |_, world: &World| {
            let unfinished = world.jobs.iter().filter(|job| unfinished(job)).count();
            world.queue.len() + world.permits().count() >= unfinished
        }));
        all.push(Property::always(ENDS, |protocol: &Protocol, world: &World| {
            world.jobs.iter().all(|job| !unfinished(job)) || !is_at_rest(protocol, world)
        }));
    }
    all
}

fn unfinished(job: &Job) -> bool {
    job.row.queued() || job.row.running()
}

fn is_at_rest(protocol: &Protocol, world: &World) -> bool {
    let mut actions = Vec::new();
    action::forced(world, &protocol.bounds, &mut actions);
    actions.is_empty()
}

/// In the queue or in flight, and not used up.
fn has_message(world: &World, job: u8) -> bool {
    let in_flight = world.permits().any(|permit| permit.job == job && permit.step != Step::Done);
    in_flight || world.queue.iter().any(|message| message.job == job)
}
