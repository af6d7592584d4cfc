//! What holds of the repository itself: its rings, its template, its default kinds, its `OpenAPI` description.

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
