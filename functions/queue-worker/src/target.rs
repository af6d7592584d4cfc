//! Clients of the job targets.

pub mod event;
mod http;
pub mod records;
mod response;

pub use http::{HttpAttempt, Targets};
