//! What holds of the repository itself: its rings, its template, its default kinds, its `OpenAPI` description.

mod kinds;
mod metrics;
mod openapi;
mod permissions;
mod rings;
mod template;
