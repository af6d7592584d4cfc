//! The protocol of `lifo` and `priority` kinds as a model, all of whose runs are tried: every job ends, and the order holds.
//!
//! The decisions are the real ones: `agenda::plan`, `agenda::look_again`, `Discipline::rank`, `job::refusal`. The table, its index, the
//! queue, workers and clients are mirrored step by step, and each step names what it stands for. What saves a job from an accident
//! beyond these bounds, the scheduled audit of the agenda, is not part of the model.
//!
//! Time is abstract: what matters of a moment is whether it has passed, and it may pass whenever nothing forbids it. This does:
//! - A message that a dead worker had comes back after the leases which that worker held (`Timing`: visibility is longer).
//! - The index is less than a minute behind: a permit that waits longer sees what was written before it was sent. And a request, as
//!   well as a retry's write after its send, takes less than that.
//! - A long delay is one that ends after the request, or the lease, in which it began.
//! - A permit's last look, ten minutes after the one before, doesn't fall into the moment in which a write is half done or the index
//!   behind (`Bounds::apart`). Where it does, a job can lose its permit; `holds::what_is_left_over_is_found` shows that it is on the
//!   agenda then, where the audit finds it.
//!
//! Fresh messages have all their looks behind them but one, since looks are alike, and fewer lose more. Two or three jobs, one or two
//! workers, two attempts at most, one or two accidents a run: each test says which. They make 4,000 to 440,000 states each, two million in
//! all, and take half a minute on one core.

mod action;
mod bounds;
mod client;
mod clock;
mod flaws;
mod holds;
mod order;
mod property;
mod protocol;
mod worker;
mod world;

use std::{collections::BTreeMap, time::Instant};

use bounds::{Bounds, Delay, Faults, Flaw};
use protocol::Protocol;
use shared::{job::agenda::LOOKS, kind::Discipline};
use stateright::{Checker, HasDiscoveries, Model};

const AT_ONCE: &[Delay] = &[Delay::None];
const ANY: &[Delay] = &[Delay::None, Delay::Soon, Delay::Late];
const SOON: &[Delay] = &[Delay::Soon];
const LATE: &[Delay] = &[Delay::Late];

const NO_FAULTS: Faults = Faults {
    crashes: 0,
    unheard: 0,
    copies: 0,
    twins: 0,
    hurries: 0,
    overruns: 0,
    refusals: 0,
    cancels: 0,
    reopens: 0,
};

/// Two jobs, two workers, an index that may be behind, and nothing that goes wrong.
const SMALL: Bounds = Bounds {
    jobs: &[(0, AT_ONCE), (0, AT_ONCE)],
    workers: 2,
    batch: 1,
    attempts: 2,
    retries: &[Delay::Soon, Delay::Late],
    looks: LOOKS - 1,
    passed: 0,
    lag: true,
    apart: true,
    faults: NO_FAULTS,
};

/// Tries all runs, shortest first, until something doesn't hold: then which properties don't, and how it comes to that.
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
