//! Clients of the job targets.

mod answer;
mod http;
pub mod records;

pub use http::{HttpAttempt, Targets};
