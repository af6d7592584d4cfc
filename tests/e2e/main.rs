//! Tests of a running stack over HTTP, with real functions, queues and tables.
//!
//! `make test-all` starts one and sets `TOLLGATE_STACK` to its `stack.json`. By hand: `make run`
//! and `TOLLGATE_STACK=.local/stack.json cargo test -p tests --test e2e`.

mod accounts;
mod compat;
mod control;
mod crash;
mod due;
mod events;
mod jobs;
mod order;
mod push;
mod quotas;
mod receivers;
mod records;
mod schedules;
mod stores;
mod target;
mod targets;
mod usage;
