use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema,
    openapi::{RefOr, schema::Schema},
};

use crate::{
    endpoint::{Headers, check_address},
    event::unfit,
    job::Payload,
    records::Changes,
    schema::{Violation, closed},
};

/// Where the worker takes a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Target {
    /// Answers with the payload; for trying things out.
    Echo {},
    /// Tollgate's own tables: applies `{"activities":[…]}` to their rows, all of it or nothing. `GET /v1/tables/{table}/rows` reads them.
    Records {},
    /// The account's own events: publishes the payload as one, of the type `data` and with the kind as its source.
    Event {},
    /// An endpoint that takes jobs by `POST`, signed as Standard Webhooks has it.
    Http {
        /// Its address, `https://` or `http://`.
        #[schema(max_length = 2000, examples("https://example.com/jobs"))]
        url: String,
        /// Header fields that every request to it carries. Their values are never shown again.
        #[serde(default)]
        #[schema(value_type = std::collections::BTreeMap<String, String>)]
        headers: Headers,
    },
}

/// The schema, each variant closed against properties that it doesn't know.
pub(crate) fn schema() -> RefOr<Schema> {
    closed(<Target as PartialSchema>::schema())
}

impl Target {
    /// Everything that is wrong with it that its schema can't say, with `prefix` before each pointer.
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

    /// Everything in a payload that the target could never take, whatever the kind's schema says of it, with `prefix` before each pointer.
    #[must_use]
    pub fn payload_violations(&self, payload: &Payload, prefix: &str) -> Vec<Violation> {
        match self {
            Self::Records {} => Changes::read(&payload.0, prefix).err().unwrap_or_default(),
            Self::Event {} => {
                unfit(&payload.0).map(|why| Violation::new(prefix, why)).into_iter().collect()
            }
            Self::Echo {} | Self::Http { .. } => Vec::new(),
        }
    }

    /// The same, fit to be shown: without the values of its headers.
    #[must_use]
    pub fn masked(self) -> Self {
        match self {
            Self::Http { url, headers } => Self::Http { url, headers: headers.masked() },
            Self::Echo {} | Self::Records {} | Self::Event {} => self,
        }
    }
}
