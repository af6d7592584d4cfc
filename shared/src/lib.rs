//! Tollgate's models, in two rings.
//!
//! The **domain** is pure: no I/O, no clock and no randomness of its own (both are parameters).
//! [`id`], [`time`], [`name`], [`schema`], [`endpoint`], [`job`], [`account`], [`kind`], [`records`], [`schedule`],
//! [`event`], [`push`], [`usage`], [`quota`], [`wait`], [`zone`], [`metrics`].
//!
//! The **outer ring** speaks to the world: [`api`] (wire types and problems), [`config`], [`telemetry`], and with the
//! feature `aws` also `aws` (the only place that names the SDK) and `gate` (the checks in front of every handler), and with the feature
//! `outbound` also `outbound` (the way to addresses from outside).
//!
//! The domain never imports the outer ring; `tests/invariants` holds that.

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
