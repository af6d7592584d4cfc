//! Invariants of the repository: crate boundaries, template, default kinds, `OpenAPI` description.

mod crates;
mod deployment;
mod docs;
mod kinds;
mod metrics;
mod monitoring;
mod openapi;
mod parameters;
mod permissions;
mod roles;
mod routes;
mod smoke;
mod template;
mod vendored;
