//! An exhaustively checked model of the protocol of `lifo` and `priority` kinds: every job ends,
//! and the order holds.
//!
//! The decisions are production code: `ready_queue::plan`, `ready_queue::idle_backoff`,
//! `Discipline::rank` and `claim_denied`. The model mirrors the table, its index, the queue,
//! workers and clients step by step, and each step names the code that it stands for. The scheduled
//! reconciliation of the ready queue, which recovers jobs from faults beyond these bounds, is not
//! modelled.
//!
//! Time is abstract: only whether a moment has passed matters. It may pass at any point unless
//! one of these rules forbids that:
//! - The messages of a crashed worker reappear after the leases that it held (`Timing`: the
//!   visibility timeout is longer).
//! - The index lags by less than a minute: a permit that waits longer sees what was written
//!   before it was sent. A request takes less than that, and so does a retry's write after its
//!   send.
//! - A long delay ends after the request, or the lease, in which it began.
//! - A permit's last poll, ten minutes after the previous one, does not coincide with a half-done
//!   write or a lagging index (`Bounds::last_poll_isolated`). If it does, a job can lose its
//!   permit; `liveness::a_job_without_a_permit_is_listed` shows that it is then in the ready queue,
//!   where the reconciliation finds it.
//!
//! New messages have used all polls but one: polls are alike, and a permit with fewer polls left
//! is dropped earlier. Each test states its bounds: two or three jobs, one or two workers, at
//! most two attempts, and one or two faults per run. Each explores 4,000 to 440,000 states; all
//! of them explore two million in half a minute on one core.
//! all, and take half a minute on one core.

mod action;
mod bounds;
mod client;
mod clock;
mod flaws;
mod liveness;
mod order;
mod property;
mod protocol;
mod worker;
mod world;

use std::{collections::BTreeMap, time::Instant};

use bounds::{Bounds, Delay, Faults, Flaw};
use model::{job::ready_queue::IDLE_RETRIES, kind::Discipline};
use protocol::Protocol;
use stateright::{Checker, HasDiscoveries, Model};

const NO_DELAY: &[Delay] = &[Delay::None];
const ANY: &[Delay] = &[Delay::None, Delay::Soon, Delay::Late];
const SOON: &[Delay] = &[Delay::Soon];
const LATE: &[Delay] = &[Delay::Late];

const NO_FAULTS: Faults = Faults {
    crashes: 0,
    lost_responses: 0,
    duplicates: 0,
    double_deliveries: 0,
    early_deliveries: 0,
    lease_overruns: 0,
    aborted_requests: 0,
    cancels: 0,
    job_retries: 0,
};

/// Two jobs, two workers, an index that may lag, and no faults.
const SMALL: Bounds = Bounds {
    jobs: &[(0, NO_DELAY), (0, NO_DELAY)],
    workers: 2,
    batch: 1,
    attempts: 2,
    retries: &[Delay::Soon, Delay::Late],
    used_polls: IDLE_RETRIES - 1,
    max_skipped: 0,
    index_lag: true,
    last_poll_isolated: true,
    faults: NO_FAULTS,
};

/// Explores all runs, shortest first, until a property fails. Returns the failed properties and
/// the actions that lead to each failure.
fn explore(
    discipline: Discipline,
    bounds: Bounds,
    flaw: Option<Flaw>,
) -> BTreeMap<&'static str, Vec<action::Action>> {
    let begun = Instant::now();
    let checker = Protocol::new(discipline, bounds, flaw).checker();
    let checker = checker.finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!("{} states, {} s", checker.unique_state_count(), begun.elapsed().as_secs_f32());
    checker.discoveries().into_iter().map(|(name, path)| (name, path.into_actions())).collect()
}

fn assert_holds(discipline: Discipline, bounds: Bounds) {
    let found = explore(discipline, bounds, None);
    assert!(found.is_empty(), "{found:#?}");
}
