//! Tollgate's domain model and its interfaces to the outside, in two layers.
//!
//! The **domain** is pure: no I/O, no clock and no randomness of its own (both are parameters).
//! [`id`], [`time`], [`name`], [`schema`], [`endpoint`], [`job`], [`account`], [`kind`],
//! [`records`], [`schedule`], [`event`], [`push`], [`usage`], [`quota`], [`wait`], [`zone`],
//! [`metrics`].
//!
//! The **outer layer** does I/O: [`api`] (wire types and problems), [`config`], [`clock`],
//! [`telemetry`]. The feature `aws` adds `aws` (the only module that names the SDK) and `gate`
//! (HTTP middleware). The feature `outbound` adds `outbound` (the HTTP client for user-supplied
//! addresses).
//!
//! The domain never imports the outer layer; `tests/invariants` enforces it.

pub mod account;
pub mod endpoint;
pub mod event;
pub mod id;
pub mod job;
mod json;
pub mod kind;
pub mod metrics;
pub mod name;
pub mod push;
pub mod quota;
pub mod records;
pub mod schedule;
pub mod schema;
pub mod time;
pub mod usage;
pub mod wait;
pub mod zone;

pub mod api;
#[cfg(feature = "aws")]
pub mod aws;
pub mod clock;
pub mod config;
#[cfg(feature = "aws")]
pub mod gate;
#[cfg(feature = "outbound")]
pub mod outbound;
pub mod telemetry;
