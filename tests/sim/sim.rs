//! An AWS that lives inside a test.
//!
//! The real stores and the real handlers run against it with the real SDK, without a socket and
//! without waiting: time is tokio's paused clock, which jumps to the next timer as soon as nothing
//! else can run. A day of retries takes milliseconds, and the same seed takes the same path.
//!
//! ```text
//!   store, handler ── SDK ──▶ Door ──▶ faults, kill switch ──┬─▶ Database (dynoxide)
//!   EventSource ──────────────▲                              ├─▶ Queues (jobs, dead letters)
//!                                                            │     ▲
//!                                                            ├─▶ Scheduler
//!                                                            ├─▶ Sockets
//!                                                            ├─▶ Ses (an outbox)
//!                                                            └─▶ CloudWatch
//!                                                                  └─▶ all write the Ledger
//! ```
//!
//! | noun | is |
//! | --- | --- |
//! | [`Aws`] | one account for one test: its table, its queues, its schedules, and what can be seen of them |
//! | [`EventSource`] | the mapping between a queue and a function: batches in, failures back |
//! | [`Plan`] of [`Fault`]s | which call fails, and whether before or after it had its effect |
//! | [`Asked`] | what a request asks of which service, and whether the function that makes it may |
//! | [`KillSwitch`] | a function that dies at its n-th call |
//! | [`Ledger`] | every call that reached a service, and what it would have been billed |
//! | [`network`] | the network that targets are on: a router |
//! | [`Trace`] | a digest of all calls, by which two runs are compared |
//! | [`SimClock`] | the time of day on the paused clock |
//! | [`Seed`] | the same dice for the same number, in every release |
//!
//! | [`Stack`], [`Client`], [`Subscriber`] | all of Tollgate on top of it, and who uses it |
//!
//! | [`promises`] | what clients write down, and what has to hold of it: here, and of a stack of real processes |
//!
//! Nothing but the last four knows what a job is. It needs `#[tokio::test(start_paused = true)]`, except where a target is reached over a
//! real socket.

mod answer;
mod aws;
mod calls;
mod client;
mod clock;
mod cloudwatch;
mod database;
mod event_source;
mod faults;
pub mod iam;
mod kill_switch;
mod ledger;
mod lineage;
mod network;
pub mod promises;
mod queue;
mod scheduler;
mod seed;
mod ses;
mod sockets;
mod stack;
mod stream;
mod subscriber;
mod trace;

pub use aws::{Asked, Aws, DEAD_LETTERS, JOBS, SCHEDULES, Settings, TABLE, TOTALS};
pub use client::{Answer, Client};
pub use clock::{START_MS, SimClock};
pub use event_source::{Delivery, EventSource, Run};
pub use faults::{Fault, Faults, Plan};
pub use kill_switch::{KillSwitch, Killed, run_until_killed};
pub use ledger::{Ledger, Line};
pub use network::{BrokenOff, network};
pub use queue::Message;
pub use scheduler::{Fate, Occurrence};
pub use seed::Seed;
pub use stack::{Checker, Options, Service, Stack, TENANT_SCOPES, Worker};
pub use subscriber::{Plug, Refused, Subscriber};
pub use trace::Trace;
