//! End-to-end tests: the `tollgate` binary against servers on local sockets.

#![expect(clippy::unwrap_used, reason = "a test may stop where its world breaks")]

mod accounts;
mod errors;
mod events;
mod gateway;
mod help;
mod home;
mod interactive;
mod jobs;
mod kinds;
mod operator;
mod profiles;
mod quotas;
mod server;
mod usage;
