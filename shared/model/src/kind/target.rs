use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema,
    openapi::{RefOr, schema::Schema},
};

use crate::{
    endpoint::{Headers, check_address},
    event::data_violation,
    job::Payload,
    records::Changes,
    violation::{Violation, with_closed_variants},
};

/// Where a job is delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// Responds with the payload; for tests.
    Echo {},
    /// Tollgate's tables: applies `{"activities":[…]}` to their rows in one transaction. `GET
    /// /v1/tables/{table}/rows` reads them.
    Records {},
    /// The account's events: publishes the payload as an event of type `data`, with the kind as its
    /// source.
    Event {},
    /// An endpoint that receives jobs by `POST`, signed according to Standard Webhooks.
    Http {
        /// An `https://` or `http://` URL.
        #[schema(max_length = 2000, examples("https://example.com/jobs"))]
        url: String,
        /// Header fields of every request to it. Their values are never shown again.
        #[serde(default)]
        #[schema(value_type = std::collections::BTreeMap<String, String>)]
        headers: Headers,
    },
}

/// The schema, with `additionalProperties: false` in each variant.
pub fn schema() -> RefOr<Schema> {
    with_closed_variants(<Target as PartialSchema>::schema())
}

impl Target {
    /// All violations that the JSON schema cannot express, with `prefix` before each pointer.
    #[must_use]
    pub fn violations(&self, prefix: &str) -> Vec<Violation> {
        let Self::Http { url, headers } = self else { return Vec::new() };
        let mut found = Vec::new();
        if let Err(why) = check_address(url) {
            found.push(Violation::new(format!("{prefix}/url"), why.to_string()));
        }
        found.extend(headers.violations(&format!("{prefix}/headers")));
        found
    }

    /// All reasons why the target can never accept the payload, independent of the kind's schema,
    /// with `prefix` before each pointer.
    #[must_use]
    pub fn payload_violations(&self, payload: &Payload, prefix: &str) -> Vec<Violation> {
        match self {
            Self::Records {} => Changes::parse(&payload.0, prefix).err().unwrap_or_default(),
            Self::Event {} => data_violation(&payload.0)
                .map(|why| Violation::new(prefix, why))
                .into_iter()
                .collect(),
            Self::Echo {} | Self::Http { .. } => Vec::new(),
        }
    }

    /// The target with its header values masked.
    #[must_use]
    pub fn masked(self) -> Self {
        match self {
            Self::Http { url, headers } => Self::Http { url, headers: headers.masked() },
            Self::Echo {} | Self::Records {} | Self::Event {} => self,
        }
    }
}
