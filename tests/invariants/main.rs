//! What holds of the repository itself: its rings, its template, its `OpenAPI` description.

mod openapi;
mod rings;
mod template;
