//! Asking sources what they have counted.

pub mod cloudwatch;
pub mod prometheus;
