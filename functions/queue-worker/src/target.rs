//! Where jobs go.

mod answer;
mod http;
pub mod records;

pub use http::{HttpAttempt, Targets};
