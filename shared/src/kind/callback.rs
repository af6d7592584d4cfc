use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{Discipline, Kind, KindSpec, Target};
use crate::{job::RetryPolicy, name::Name, time::Time};

/// What a job that delivers a callback brings. Its kind is Tollgate's own: nobody defines it, and nobody submits jobs of it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Callback {
    /// Where to.
    pub url: String,
    /// The job as it ended, as a client would be shown it.
    pub job: Box<RawValue>,
}

impl Callback {
    /// The name of the kind.
    #[must_use]
    pub fn kind_name() -> Name {
        Name::own("callback")
    }

    /// The kind: retried, timed and kept as kinds are where nothing else is said.
    #[must_use]
    pub fn kind() -> Kind {
        let epoch = Time::from_millis(0);
        Kind {
            name: Self::kind_name(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            spec: KindSpec {
                description: "Tells the outcome of a job to its callback_url.".to_owned(),
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
