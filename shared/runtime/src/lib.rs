//! What every function needs to run: its configuration, the clock, metrics and telemetry.

pub mod clock;
pub mod config;
pub mod metrics;
pub mod telemetry;
