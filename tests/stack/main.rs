//! The stack in one process, as its users meet it.

mod cost;
mod idempotency;
mod jobs;
mod kinds;
mod ladder;
mod outage;
mod tenants;
mod worker;
