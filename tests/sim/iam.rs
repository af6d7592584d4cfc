//! What functions may do, by the policies in `template.yaml`, and what they do.
//!
//! Every call that a function of the sim makes is held to its policy, as IAM would, and one that isn't allowed ends the test: an answer might
//! be passed over. So are those of the real functions that `tests/faults_real` watches. What was used of the policies is recorded where `TOLLGATE_CALLS` says, so that `tests/permissions` can tell what never was.

mod call;
mod policy;
mod record;

use std::{fs, sync::LazyLock};

pub(crate) use call::SIM;
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

/// Holds what a function asks for to its policy, and records what it used of it, or that it may not.
///
/// # Errors
/// What it may not do.
pub(crate) fn check(
    names: &Names<'_>,
    function: &str,
    service: &str,
    operation: &str,
    request: &serde_json::Value,
) -> Result<(), String> {
    for call in Call::all(names, service, operation, request) {
        let used = policies().used(function, &call);
        record::note("used", used.iter().map(Grant::to_string));
        if used.is_empty() {
            let denied = format!("by template.yaml {function} may not {call:?}");
            record::note("denied", [denied.clone()].into_iter());
            return Err(denied);
        }
    }
    Ok(())
}
