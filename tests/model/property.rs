//! The checked properties.

use stateright::Property;

use crate::{
    action,
    bounds::Bounds,
    protocol::Protocol,
    world::{Job, Step, World},
};

/// In a world at rest, every job has an outcome. Each round of a message consumes something
/// finite: a poll, an attempt or a budget. The exception is a permit that keeps polling while it
/// sees jobs, and those jobs do not depend on it.
pub const ENDS: &str = "every job ends";
/// Must hold although permits are dropped.
pub const PERMITS: &str = "there are as many messages as unfinished jobs";
/// Other permits find listed jobs. An unlisted job needs its own.
pub const REACHABLE: &str = "an unlisted job has its message";
/// The reconciliation finds jobs that come to rest without an outcome.
pub const RECONCILABLE: &str = "unfinished jobs at rest are in the ready queue";
pub const ATTEMPTS: &str = "no job has more attempts than allowed";
/// One holder, one outcome, no claim before the due time, and the best job first.
pub const NO_VIOLATION: &str = "no violation occurs";

pub fn of(bounds: &Bounds) -> Vec<Property<Protocol>> {
    let mut all = vec![
        Property::always(NO_VIOLATION, |_, world: &World| world.breach.is_none()),
        Property::always(ATTEMPTS, |protocol: &Protocol, world: &World| {
            world.jobs.iter().all(|job| job.attempts <= protocol.bounds.attempts)
        }),
        Property::always(REACHABLE, |_, world: &World| {
            (0u8..)
                .zip(&world.jobs)
                .all(|(n, job)| !job.row.queued() || job.listed || has_message(world, n))
        }),
        Property::always(RECONCILABLE, |protocol: &Protocol, world: &World| {
            world.jobs.iter().all(|job| !unfinished(job) || job.listed)
                || !is_at_rest(protocol, world)
        }),
    ];
    if bounds.last_poll_isolated {
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
    action::eventual(world, &protocol.bounds, &mut actions);
    actions.is_empty()
}

/// Whether a job's message is queued, or in flight and not used up.
fn has_message(world: &World, job: u8) -> bool {
    let in_flight = world.permits().any(|permit| permit.job == job && permit.step != Step::Done);
    in_flight || world.queue.iter().any(|message| message.job == job)
}
