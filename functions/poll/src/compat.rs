//! Routes of earlier systems, for their clients.

pub mod bandwidth_used;
pub mod token;
