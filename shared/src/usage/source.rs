//! Sources: where usage is collected from.

mod selection;
mod state;

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

pub use selection::{Fixed, Labels, Preset, Selection, WhyNot};
pub use state::SourceState;

use super::{Label, Series};
use crate::{
    endpoint::{Headers, check_address},
    id::AccountId,
    name::Name,
    schema::{Violation, closed},
    time::Time,
};

/// The body of `PUT /v1/sources/{name}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceSpec(pub Upstream);

/// Where usage comes from, and as which series it counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Upstream {
    /// A page of metrics in Prometheus' text format, such as Kong's. One metric of it is read, a counter of bytes: named by a `preset`, or
    /// by `metric` with `labels` and `as`.
    Prometheus {
        /// The page's address, `https://` or `http://`.
        #[schema(max_length = 2000, examples("https://kong.example.com:8100/metrics"))]
        url: String,
        /// Header fields that every request for the page carries, such as a key that the gateway asks for. Their values are never shown again.
        #[serde(default, skip_serializing_if = "Headers::is_empty")]
        #[schema(value_type = std::collections::BTreeMap<String, String>)]
        headers: Headers,
        /// What Kong calls its bandwidth: `kong_bandwidth{type, service, route}` up to version 2, and
        /// `kong_bandwidth_bytes{direction, service, route}` from version 3 on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(schema_with = Preset::schema)]
        preset: Option<Preset>,
        /// The metric's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(max_length = 200, examples("node_network_transmit_bytes_total"))]
        metric: Option<String>,
        /// Which of its labels say what a series is.
        #[serde(default, skip_serializing_if = "Labels::is_empty")]
        labels: Labels,
        /// What no label says.
        #[serde(default, rename = "as", skip_serializing_if = "Fixed::is_empty")]
        fixed: Fixed,
        /// Whose usage it is; the operator's alone, if nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
        account: Option<AccountId>,
    },
    /// A metric of `CloudWatch` that counts bytes, by the sum of each minute.
    Cloudwatch {
        /// The metric's namespace.
        #[schema(
            min_length = 1,
            max_length = 255,
            pattern = "^[^:\\x00-\\x1f][^\\x00-\\x1f]*$",
            examples("AWS/ApiGateway")
        )]
        namespace: String,
        /// The metric's name.
        #[schema(
            min_length = 1,
            max_length = 255,
            pattern = "^[\\x20-\\x7e]+$",
            examples("DataProcessed")
        )]
        metric_name: String,
        /// All of its dimensions.
        #[serde(default)]
        #[schema(examples(json!({"ApiId": "a1b2c3"})))]
        dimensions: BTreeMap<String, String>,
        /// As which series it counts; `type` has to be given.
        #[serde(rename = "as")]
        fixed: Fixed,
        /// Whose usage it is; the operator's alone, if nothing is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
        account: Option<AccountId>,
    },
}

impl Upstream {
    /// The same, fit to be shown: without the values of its headers.
    #[must_use]
    pub fn masked(self) -> Self {
        let masked = match &self {
            Self::Prometheus { headers, .. } => headers.masked(),
            Self::Cloudwatch { .. } => Headers::default(),
        };
        self.with_headers(masked)
    }

    fn with_headers(mut self, others: Headers) -> Self {
        if let Self::Prometheus { headers, .. } = &mut self {
            *headers = others;
        }
        self
    }
}

impl PartialSchema for SourceSpec {
    fn schema() -> RefOr<Schema> {
        closed(Upstream::schema())
    }
}

impl ToSchema for SourceSpec {
    fn name() -> Cow<'static, str> {
        "SourceSpec".into()
    }

    fn schemas(parts: &mut Vec<(String, RefOr<Schema>)>) {
        Upstream::schemas(parts);
    }
}

/// How many dimensions a metric of `CloudWatch` has at most
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Metric.html>).
const MAX_DIMENSIONS: usize = 30;

impl SourceSpec {
    /// Whose usage it is.
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        match &self.0 {
            Upstream::Prometheus { account, .. } | Upstream::Cloudwatch { account, .. } => *account,
        }
    }

    /// Whether it says of all counters the same as another: their values are the same numbers. A key may be another one.
    #[must_use]
    pub fn counts_as(&self, other: &Self) -> bool {
        self.clone().0.with_headers(Headers::default())
            == other.clone().0.with_headers(Headers::default())
    }

    /// What is wrong with it that its schema can't say. Whether its account is there is for the stores to tell.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        match &self.0 {
            Upstream::Prometheus { url, headers, preset, metric, labels, fixed, .. } => {
                let wrong =
                    check_address(url).err().map(|why| Violation::new("/url", why.to_string()));
                wrong
                    .into_iter()
                    .chain(headers.violations("/headers"))
                    .chain(selection::violations(*preset, metric.as_deref(), labels, fixed))
                    .collect()
            }
            Upstream::Cloudwatch { namespace: _, metric_name: _, dimensions, fixed, .. } => {
                let mut found = Vec::new();
                if fixed.direction.is_none() {
                    found.push(Violation::new("/as/type", "is required"));
                }
                if dimensions.len() > MAX_DIMENSIONS {
                    found.push(Violation::new(
                        "/dimensions",
                        format!("are more than {MAX_DIMENSIONS}"),
                    ));
                }
                let fits = |text: &str, most: usize| {
                    !text.is_empty()
                        && text.len() <= most
                        && text.bytes().all(|c| (0x20..0x7f).contains(&c))
                };
                for (name, value) in dimensions {
                    if !fits(name, 255) || name.starts_with(':') || !fits(value, 1024) {
                        let at = format!("/dimensions/{}", crate::schema::escape(name));
                        found.push(Violation::new(
                            at,
                            "is no dimension: visible ASCII, a name of 1 to 255 and a value of 1 to 1024",
                        ));
                    }
                }
                found
            }
        }
    }
}

/// A source as Tollgate keeps it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name.
    pub name: Name,
    /// What the operator said.
    pub spec: SourceSpec,
    /// What tells its counters from those of other definitions, before or since: another one each time that it is defined as something else.
    pub lineage: String,
    /// When it was first defined.
    pub created_at: Time,
    /// When it was last defined.
    pub updated_at: Time,
}

/// As which series something fixed counts.
impl Fixed {
    /// The series of an account; none if the direction isn't fixed.
    #[must_use]
    pub fn series(&self, account: Option<AccountId>) -> Option<Series> {
        let text = |label: &Option<Label>| label.clone().unwrap_or_default();
        let (service, route) = (text(&self.service), text(&self.route));
        Some(Series { account, direction: self.direction?, service, route })
    }
}
