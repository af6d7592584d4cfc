//! A client of a running stack, for tests over HTTP with real functions, queues and tables.
//!
//! `TOLLGATE_STACK` is the path of its `stack.json`, and `TOLLGATE_UP` the process that runs it.

mod emulator;
mod stack;

pub use emulator::restart;
pub use stack::{ApiResponse, JOB_TIMEOUT, Stack, stack};
