//! A digest of all calls, to compare two runs.

use crate::faults::Fault;
use serde_json::Value;
use std::fmt;

/// A digest of a sequence of calls: the time, request and fault of each. Equal traces mean equal
/// runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    calls: u64,
    digest: u64,
}

impl Default for Trace {
    fn default() -> Self {
        // FNV-1a, <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>. Implemented here
        // because the standard library's hasher may change.
        Self { calls: 0, digest: 0xcbf2_9ce4_8422_2325 }
    }
}

impl Trace {
    pub(crate) fn record(&mut self, now_ms: i64, operation: &str, request: &Value, fault: Fault) {
        self.calls += 1;
        self.add(&format!("{now_ms} {operation} {request} {fault:?}\n"));
    }

    /// Adds another observation to the digest.
    #[must_use]
    pub fn with(mut self, seen: &str) -> Self {
        self.add(seen);
        self
    }

    fn add(&mut self, text: &str) {
        for byte in text.bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} calls, {:016x}", self.calls, self.digest)
    }
}
