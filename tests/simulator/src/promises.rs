//! Promises to the users of a stack, and checks of whether they were kept.
//!
//! Clients record their requests and responses in a [`History`], which is plain data.
//! [`broken_promises`] checks every promise against it. The checks work for a simulated stack and
//! for one of real processes.
//!
//! | promise | module |
//! | --- | --- |
//! | a 202 is durable; accepted jobs end; nothing vanishes before its retention ends | `lives` |
//! | every dead letter is handled | `dead_letters` |
//! | requests with an idempotency key can be repeated safely | `repeats` |
//! | a job has one final outcome; attempts are counted | `outcomes` |
//! | at-least-once delivery to targets; callbacks of ends | `targets` |
//! | rows are applied all or none, and once | `rows` |
//! | a delivered occurrence makes one job; no recursive loop detection | `schedules` |
//! | subscribers get all events, once and in order | `events` |
//! | usage is counted once | `usage` |
//! | one mail per threshold, quota and period | `mails` |
//! | tenants can't see each other's data | `tenants` |

mod dead_letters;
mod events;
mod history;
mod lives;
mod mails;
mod outcomes;
mod repeats;
mod rows;
mod schedules;
mod targets;
mod tenants;
mod usage;

use std::fmt;

pub use history::*;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenPromise {
    pub promise: &'static str,
    /// The job's id and mark, the subscriber or the series.
    pub about: String,
    /// The observation that contradicts the promise.
    pub observation: String,
}

impl BrokenPromise {
    fn new(promise: &'static str, about: impl fmt::Display, seen: impl Into<String>) -> Self {
        Self { promise, about: about.to_string(), observation: seen.into() }
    }
}

impl fmt::Display for BrokenPromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.promise, self.about, self.observation)
    }
}

/// All broken promises that the notes prove.
#[must_use]
pub fn broken_promises(notes: &History) -> Vec<BrokenPromise> {
    let checks = [
        lives::check,
        dead_letters::check,
        repeats::check,
        outcomes::check,
        targets::check,
        rows::check,
        schedules::check,
        events::check,
        usage::check,
        mails::check,
        tenants::check,
    ];
    checks.iter().flat_map(|check| check(notes)).collect()
}

#[cfg(test)]
mod tests;
