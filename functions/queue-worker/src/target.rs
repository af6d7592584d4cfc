//! Clients of the job targets.

mod http;
pub mod records;
mod response;

pub use http::{HttpAttempt, Targets};
