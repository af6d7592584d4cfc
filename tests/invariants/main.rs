//! Invariants of the repository: module layers, template, default kinds, `OpenAPI` description.

mod deployment;
mod docs;
mod kinds;
mod layers;
mod metrics;
mod monitoring;
mod openapi;
mod parameters;
mod permissions;
mod smoke;
mod template;
mod vendored;
