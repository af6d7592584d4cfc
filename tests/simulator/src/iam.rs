//! Checks the functions' calls against the IAM policies in `template.yaml`.
//!
//! Every call of a function in the simulator is checked as IAM would. A denied call panics, because
//! the function could ignore an error response. `tests/faults_real` checks the real functions'
//! calls in the same way. The used grants are recorded in the folder named by `TOLLGATE_CALLS`, so
//! that `tests/permissions` can find unused ones.

mod call;
mod policy;
mod record;

use std::sync::LazyLock;

pub(crate) use call::SIM;
pub use call::{Call, ResourceNames};
pub use policy::{Grant, Policies};
pub use record::{RECORD_DIR_VARIABLE, Record};

use crate::template;

/// The policies of `template.yaml`.
pub fn policies() -> &'static Policies {
    static POLICIES: LazyLock<Policies> = LazyLock::new(|| Policies::of(template()));
    &POLICIES
}

/// Checks a request against a function's policy and records the grants it uses, or the denial.
///
/// # Errors The denied call.
pub(crate) fn check(
    names: &ResourceNames<'_>,
    function: &str,
    service: &str,
    operation: &str,
    request: &serde_json::Value,
) -> Result<(), String> {
    for call in Call::all(names, service, operation, request) {
        let used = policies().used(function, &call);
        record::record("used", used.iter().map(Grant::to_string));
        if used.is_empty() {
            let denied = format!("template.yaml denies {function} the call {call:?}");
            record::record("denied", [denied.clone()].into_iter());
            return Err(denied);
        }
    }
    Ok(())
}
