use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{Discipline, Kind, KindSpec, Target};
use crate::{job::RetryPolicy, name::Name, time::Time};

/// Payload of a job that delivers a callback. Its kind is internal: it cannot be defined, and
/// clients cannot submit jobs of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Callback {
    pub url: String,
    /// The finished job, as the API represents it.
    pub job: Box<RawValue>,
}

impl Callback {
    #[must_use]
    pub fn kind_name() -> Name {
        Name::reserved("callback")
    }

    /// The internal kind, with the default retry policy, timeout and retention.
    #[must_use]
    pub fn kind() -> Kind {
        let epoch = Time::from_millis(0);
        Kind {
            name: Self::kind_name(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            spec: KindSpec {
                description: "Delivers the end of a job to its callback_url.".to_owned(),
                schema: Value::Bool(true),
                target: Target::Echo {},
                retry: RetryPolicy::default(),
                discipline: Discipline::Standard,
                retention_seconds: KindSpec::default_retention(),
                events: false,
                timeout_seconds: None,
            },
            disabled: false,
            created_at: epoch,
            updated_at: epoch,
        }
    }
}
