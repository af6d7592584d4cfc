//! What is promised to the users of a stack, and whether it was kept.
//!
//! Clients write down what they asked for and what they were told: [`Notes`], which are plain data. [`broken`] holds every promise against
//! them. Nothing here knows where the stack runs: in this process or in many.
//!
//! | promise | is held by |
//! | --- | --- |
//! | a 202 is durable; every accepted job ends; nothing younger than its retention vanishes | `lives` |
//! | every dead letter is handled | `dead_letters` |
//! | a repeat is safe | `repeats` |
//! | one outcome, which stays; attempts are counted | `outcomes` |
//! | at least once at the target, and who asked for it is told of the end | `targets` |
//! | rows are applied all or none, and once | `rows` |
//! | each occurrence of a schedule makes one job; nothing is taken for a loop | `schedules` |
//! | subscribers miss nothing, see nothing twice, and in order | `events` |
//! | usage is counted once | `usage` |
//! | one mail per threshold, quota and period | `mails` |
//! | tenants can't see each other's | `tenants` |

mod dead_letters;
mod events;
mod lives;
mod mails;
mod notes;
mod outcomes;
mod repeats;
mod rows;
mod schedules;
mod targets;
mod tenants;
mod usage;

use std::fmt;

pub use notes::*;

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which promise.
    pub promise: &'static str,
    /// To whom, or of what: a job's id and mark, a subscriber, a series.
    pub about: String,
    /// What was seen instead.
    pub seen: String,
}

impl Broken {
    fn new(promise: &'static str, about: impl fmt::Display, seen: impl Into<String>) -> Self {
        Self { promise, about: about.to_string(), seen: seen.into() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.promise, self.about, self.seen)
    }
}

/// Every promise that was not kept, as far as these notes show.
#[must_use]
pub fn broken(notes: &Notes) -> Vec<Broken> {
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
