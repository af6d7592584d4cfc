//! A simulator of AWS that runs inside a test process.
//!
//! The real stores and the real handlers run against it through the real SDK, without sockets and
//! without waiting. Time is tokio's paused clock, which jumps to the next timer when no task can
//! run. A day of retries takes milliseconds, and the same seed gives the same run.
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
//! | type | purpose |
//! | --- | --- |
//! | [`Aws`] | one AWS account per test: table, queues, schedules, and their inspection |
//! | [`EventSource`] | event source mapping from a queue to a function |
//! | [`Plan`] of [`Fault`]s | selects the calls that fail, before or after they take effect |
//! | [`AwsRequest`] | a decoded AWS request, and the IAM check of the function that makes it |
//! | [`KillSwitch`] | kills a function at its n-th call |
//! | [`Ledger`] | every call that reached a service, with its billed units |
//! | [`network`] | the targets' network: an in-process router |
//! | [`Trace`] | a digest of all calls, to compare two runs |
//! | [`SimClock`] | wall clock on top of tokio's paused clock |
//! | [`Seed`] | random numbers that are the same in every release |
//! | [`HttpApi`] | the routes of the HTTP API |
//! | [`Stack`], [`Client`], [`Subscriber`] | Tollgate on the simulator, and its API clients |
//! | [`promises`] | invariants over clients' records, for simulated and for real stacks |
//!
//! Only the last two rows depend on Tollgate. Tests need `#[tokio::test(start_paused = true)]`,
//! except where a target is reached over a real socket.

mod api_gateway;
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
mod loop_detection;
mod network;
pub mod promises;
mod queue;
mod scheduler;
mod seed;
mod service_response;
mod ses;
mod sockets;
mod stack;
mod stream;
mod subscriber;
mod template;
mod trace;

pub use api_gateway::HttpApi;
pub use aws::{Aws, AwsRequest, COUNTER_UPDATE, DEAD_LETTERS, JOBS, SCHEDULES, Settings, TABLE};
pub use client::{ApiResponse, Client};
pub use clock::{START_MS, SimClock};
pub use event_source::{Delivery, EventSource, Run};
pub use faults::{Fault, Faults, Plan};
pub use kill_switch::{KillSwitch, Killed, run_until_killed};
pub use ledger::{Ledger, Line};
pub use network::{ConnectionAborted, network};
pub use queue::Message;
pub use scheduler::{Fate, Occurrence};
pub use seed::Seed;
pub use stack::{Checker, Options, Service, Stack, TENANT_SCOPES, Worker};
pub use subscriber::{ConnectionRefused, Disconnector, Subscriber};
pub use template::template;
pub use trace::Trace;
