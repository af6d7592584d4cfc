//! The stack in one process, as its users meet it.

mod cost;
mod http_target;
mod idempotency;
mod jobs;
mod kinds;
mod ladder;
mod logs;
mod order;
mod outage;
mod records;
mod tenants;
mod worker;
