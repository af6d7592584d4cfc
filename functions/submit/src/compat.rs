//! Routes of earlier systems, for their clients.

pub mod activities;
mod raw_payload;
pub mod tracker;
pub mod user;
