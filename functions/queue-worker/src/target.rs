//! Where jobs go.

mod address;
mod answer;
mod http;
pub mod records;

pub use address::NotAllowed;
pub use http::{HttpAttempt, Targets};
