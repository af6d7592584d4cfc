//! The stack in one process, as its users meet it.

mod access;
mod accounts;
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
mod keys;
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
mod tokens;
mod webhook_secrets;
mod worker;
