//! Fault injection with real processes: the clients of `tests/workload` call the deployed functions
//! over HTTP, and the same checks verify the same promises.
//!
//! ```text
//!   clients, subscribers ── HTTP ──▶ emulator ── starts ──▶ functions' processes, some are killed
//!            │                           ▲                        │
//!            │ record                    └── proxy ◀── calls ─────┘ that fail, are lost or late
//!            ▼                                └── checks the policies in template.yaml
//!          Notes ──▶ promises::broken
//! ```
//!
//! It needs its own stack with an emulator that it can restart: `make faults-real`. `SEED`
//! determines the fault of the n-th call of an operation, `JOBS` the number of jobs; runs with
//! fewer than fifty are shorter. The log is in `target/faults-real/`.

mod functions;
mod kills;
mod log;
mod processes;
mod proxy;
mod run;
mod server;
mod world;

use sim::Seed;

/// A number from the environment, or its default.
fn number(name: &str, otherwise: u64) -> u64 {
    let said = std::env::var(name).ok().filter(|said| !said.is_empty());
    said.map_or(otherwise, |said| {
        said.parse().unwrap_or_else(|_| panic!("{name}={said} is not a number"))
    })
}

#[test]
fn every_promise_is_kept_by_real_processes() {
    let (seed, jobs) = (Seed(number("SEED", 1)), number("JOBS", 20));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let work = move || runtime.block_on(run::run(seed, jobs));
    // A run's futures are large in an unoptimized build.
    let run = std::thread::Builder::new().stack_size(64 << 20).spawn(work).unwrap();
    let report = run.join().unwrap();
    println!("{report}");
    assert!(report.suffered > 0 && report.kills > 0, "no fault was injected");
    assert!(report.denied.is_empty(), "functions made denied calls");
    assert!(report.broken.is_empty(), "promises were broken");
}
