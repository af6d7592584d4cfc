//! What simulated and real runs share: tenants, kinds of jobs and durations. Times are the
//! simulator's; runs with real processes scale them by [`World::sleep`](crate::World::sleep).

use http::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Duration of faults and kills.
pub const FAULT_PERIOD: Duration = Duration::from_secs(25 * 60);
/// Period in which clients submit jobs.
pub const SUBMIT_PERIOD_MS: u64 = 15 * 60 * 1000;
/// Everything ends within this time after the last fault.
pub const END_TIMEOUT: Duration = Duration::from_secs(75 * 60);

pub const TENANTS: usize = 3;
#[derive(Clone)]
pub struct Tenant {
    pub account: String,
    pub key: String,
}

#[derive(Clone)]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub body: Option<Value>,
    pub key: Option<String>,
    /// Index of the process to call; any if `None`. Real runs ignore it.
    pub process: Option<usize>,
}

impl Request {
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None, key: None, process: None }
    }

    pub fn post(path: impl Into<String>, body: Option<Value>) -> Self {
        Self { method: Method::POST, body, ..Self::get(path) }
    }

    pub fn with_key(self, key: Option<String>) -> Self {
        Self { key, ..self }
    }
}

/// The kinds by name; some have an HTTP target at this address.
pub fn kinds(address: &str) -> Vec<(&'static str, Value)> {
    let retry = |most: u64| -> Value {
        json!({"max_attempts": most, "initial_seconds": 1, "factor": 2, "max_seconds": 2})
    };
    let http = json!({"type": "http", "url": address});
    let kinds = [
        ("plain", json!({"type": "echo"}), "standard", 4, json!({"events": true})),
        ("newest", json!({"type": "echo"}), "lifo", 5, json!({"events": true})),
        ("hook", http.clone(), "standard", 5, json!({"timeout_seconds": 3})),
        ("ranked", http, "priority", 6, json!({"timeout_seconds": 3, "events": true})),
        ("news", json!({"type": "event"}), "standard", 5, json!({})),
        ("kept", json!({"type": "records"}), "priority", 6, json!({})),
        ("brief", json!({"type": "echo"}), "standard", 4, json!({"retention_seconds": 600})),
    ];
    let kinds = kinds.map(|(name, target, discipline, most, more)| {
        let mut spec =
            json!({"schema": {}, "target": target, "discipline": discipline, "retry": retry(most)});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (name, spec)
    });
    kinds.into()
}
