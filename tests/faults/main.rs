//! Fault injection: the whole stack runs in one process with seeded faults, clients record the
//! responses, and every promise is checked against their records.
//!
//! ```text
//!   clients, subscribers, gateway ──▶ Stack ◀── workers and ticks
//!      │ some functions die            │           some die
//!      │                               │ calls fail, are lost, repeated or late
//!      ▼                               ▼
//!    Notes ──▶ promises::broken       Aws, with a lagging index
//! ```
//!
//! `SEED`, `SEEDS` and `JOBS` set the first seed, the number of seeds, and the jobs per seed.

mod functions;
mod limited_jobs;
mod planted_bugs;
mod run;
mod schedule;
mod seeded_random;
mod world;

use planted_bugs::PlantedBug;
use run::run;
use sim::Seed;
use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// A number from the environment, or its default.
fn number(name: &str, otherwise: u64) -> u64 {
    let said = std::env::var(name).ok().filter(|said| !said.is_empty());
    said.map_or(otherwise, |said| {
        said.parse().unwrap_or_else(|_| panic!("{name}={said} is not a number"))
    })
}

/// Logs are useful only for a single run: `SHOW_LOGS` enables them.
fn set_up_logs() {
    let level = if std::env::var_os("SHOW_LOGS").is_some() {
        tracing::Level::INFO
    } else {
        return silence();
    };
    let _ = tracing_subscriber::fmt().with_max_level(level).with_ansi(false).try_init();
}

fn silence() {
    let _ = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::OFF)
        .try_init();
}

#[test]
fn every_promise_is_kept() {
    set_up_logs();
    let (first, seeds, jobs) = (number("SEED", 1), number("SEEDS", 3), number("JOBS", 80));
    let (next, broken) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return;
            }
            let report = run(Seed(seed), jobs, None);
            println!("{report}");
            assert!(report.kills > 0, "no fault was injected");
            if !report.broken.is_empty() {
                broken.lock().unwrap().push(seed);
            }
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let broken = broken.into_inner().unwrap();
    assert!(broken.is_empty(), "broken promises with the seeds {broken:?}");
}

/// Two runs of one seed make the same calls at the same times with the same content and faults, and
/// clients get the same responses.
#[cfg(target_os = "linux")]
#[test]
fn a_seed_replays_exactly() {
    set_up_logs();
    let runs = [7, 7, 8].map(|seed| thread::spawn(move || run(Seed(seed), 25, None)));
    let [one, again, other] = runs.map(|run| run.join().unwrap().trace);
    assert_eq!(one, again);
    assert_ne!(one, other);
}

/// Each planted bug breaks one of its promises within twenty seeds. `PLANTED` selects one bug.
#[test]
#[ignore = "takes minutes: `make faults-planted`"]
fn planted_bugs_are_found() {
    set_up_logs();
    let wanted = std::env::var("PLANTED").ok();
    let named =
        |planted: &PlantedBug| wanted.as_ref().is_none_or(|name| *name == format!("{planted:?}"));
    for planted in PlantedBug::ALL.into_iter().filter(named) {
        let found = (1..=20).map(|seed| run(Seed(seed), 100, Some(planted))).find_map(|run| {
            let broken =
                run.broken.iter().find(|broken| planted.breaks().contains(&broken.promise))?;
            Some(format!("seed {}: {broken}", run.seed))
        });
        println!("{planted:?}: {}", found.unwrap_or_else(|| panic!("{planted:?} was not found")));
    }
}
