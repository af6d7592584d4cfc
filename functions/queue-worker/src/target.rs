//! Where jobs go.

mod address;
mod answer;
mod http;

pub use address::NotAllowed;
pub use http::{HttpAttempt, Targets};
