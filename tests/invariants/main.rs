//! Invariants of the repository: module layers, template, default kinds, `OpenAPI` description.

mod deployment;
mod docs;
mod kinds;
mod metrics;
mod openapi;
mod parameters;
mod permissions;
mod rings;
mod smoke;
mod template;
mod vendored;
mod watching;
