//! The domain model: pure functions and data, without I/O. Time and randomness are parameters.

pub mod account;
pub mod endpoint;
pub mod event;
pub mod id;
pub mod job;
pub mod json;
pub mod kind;
pub mod name;
pub mod push;
pub mod quota;
pub mod records;
pub mod schedule;
mod text_type;
pub mod time;
pub mod usage;
pub mod violation;
pub mod wait;
pub mod zone;
