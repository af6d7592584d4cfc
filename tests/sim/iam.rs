//! What functions may do, by the policies in `template.yaml`, and what they do.
//!
//! Every call that a function of the sim makes is held to its policy, as IAM would, and one that isn't allowed ends the test: an answer might
//! be passed over. What was used of the policies is recorded where `TOLLGATE_CALLS` says, so that `tests/permissions` can tell what never was.

mod call;
mod policy;
mod record;

use std::{fs, sync::LazyLock};

pub use call::{Call, Names};
pub use policy::{Grant, Policies, template};
pub use record::{Record, VARIABLE};

/// The policies of `template.yaml`.
pub fn policies() -> &'static Policies {
    static POLICIES: LazyLock<Policies> = LazyLock::new(|| {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml");
        Policies::of(&template(&fs::read_to_string(file).unwrap()))
    });
    &POLICIES
}

/// Holds what a function asks for to its policy, and records what it used of it.
///
/// # Panics
/// When the function may not do that.
pub(crate) fn check(function: &str, service: &str, operation: &str, request: &serde_json::Value) {
    for call in Call::all(&call::SIM, service, operation, request) {
        let used = policies().used(function, &call);
        assert!(!used.is_empty(), "by template.yaml {function} may not {call:?}");
        record::note(used.iter().map(Grant::to_string));
    }
}
