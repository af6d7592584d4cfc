//! The stack in one process, as its users meet it.

mod audit;
mod batch;
mod callbacks;
mod caps;
mod control;
mod cost;
mod dropin;
mod http_target;
mod idempotency;
mod jobs;
mod kinds;
mod ladder;
mod logs;
mod order;
mod outage;
mod records;
mod schedules;
mod target;
mod tenants;
mod time;
mod worker;
