//! Clients for usage sources.

pub mod cloudwatch;
pub mod prometheus;
