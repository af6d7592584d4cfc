//! Sources that usage is collected from.

mod selection;
mod state;

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, schema::Schema},
};

pub use selection::{Fixed, Labels, Preset, Selection, UnmappableSample};
pub use state::SourceState;

use super::{Label, Series};
use crate::{
    endpoint::{Headers, check_address},
    id::AccountId,
    name::Name,
    time::Time,
    violation::{Violation, with_closed_variants},
};

/// The body of `PUT /v1/sources/{name}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SourceSpec(pub Upstream);

/// Where usage is collected, and the series it counts as.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Upstream {
    /// A metrics page in Prometheus' text format, such as Kong's. One metric of it is read, a
    /// counter of bytes: defined by a `preset`, or by `metric` with `labels` and `as`.
    Prometheus {
        /// The page's URL, `https://` or `http://`.
        #[schema(max_length = 2000, examples("https://kong.example.com:8100/metrics"))]
        url: String,
        /// Header fields of every request for the page, such as a key for the gateway. Their values
        /// are never shown again.
        #[serde(default, skip_serializing_if = "Headers::is_empty")]
        #[schema(value_type = std::collections::BTreeMap<String, String>)]
        headers: Headers,
        /// Kong's bandwidth metric: `kong_bandwidth{type, service, route}` up to version 2,
        /// `kong_bandwidth_bytes{direction, service, route}` from version 3 on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(schema_with = Preset::schema)]
        preset: Option<Preset>,
        /// The metric's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(max_length = 200, examples("node_network_transmit_bytes_total"))]
        metric: Option<String>,
        /// Labels that identify a series.
        #[serde(default, skip_serializing_if = "Labels::is_empty")]
        labels: Labels,
        /// Fixed values for properties without a label.
        #[serde(default, rename = "as", skip_serializing_if = "Fixed::is_empty")]
        fixed: Fixed,
        /// Account of the usage. If omitted, only operators can read it.
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
        /// All of the metric's dimensions.
        #[serde(default)]
        #[schema(examples(json!({"ApiId": "a1b2c3"})))]
        dimensions: BTreeMap<String, String>,
        /// The series that the metric counts as; `type` is required.
        #[serde(rename = "as")]
        fixed: Fixed,
        /// Account of the usage. If omitted, only operators can read it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
        account: Option<AccountId>,
    },
}

impl Upstream {
    /// The definition with its header values masked.
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
        with_closed_variants(Upstream::schema())
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

/// Maximum number of dimensions of a `CloudWatch` metric
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Metric.html>).
const MAX_DIMENSIONS: usize = 30;

impl SourceSpec {
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        match &self.0 {
            Upstream::Prometheus { account, .. } | Upstream::Cloudwatch { account, .. } => *account,
        }
    }

    /// Whether both definitions lead to the same counters. Headers, such as a key, may differ.
    #[must_use]
    pub fn has_same_counters(&self, other: &Self) -> bool {
        self.clone().0.with_headers(Headers::default())
            == other.clone().0.with_headers(Headers::default())
    }

    /// Violations that the JSON schema cannot express. The stores check whether the account exists.
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
                        format!("must have at most {MAX_DIMENSIONS} entries"),
                    ));
                }
                let fits = |text: &str, most: usize| {
                    !text.is_empty()
                        && text.len() <= most
                        && text.bytes().all(|c| (0x20..0x7f).contains(&c))
                };
                for (name, value) in dimensions {
                    if !fits(name, 255) || name.starts_with(':') || !fits(value, 1024) {
                        let at = format!("/dimensions/{}", crate::violation::escape(name));
                        found.push(Violation::new(
                            at,
                            "must be visible ASCII: a name of 1 to 255 \
                             and a value of 1 to 1024",
                        ));
                    }
                }
                found
            }
        }
    }
}

/// A stored source.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: Name,
    pub spec: SourceSpec,
    /// Generation of the definition, which ties counters to it. A new one starts whenever the
    /// source is defined as something else.
    pub generation: String,
    pub created_at: Time,
    pub updated_at: Time,
}

impl Fixed {
    /// The series of an account; `None` if the direction is not fixed.
    #[must_use]
    pub fn series(&self, account: Option<AccountId>) -> Option<Series> {
        let text = |label: &Option<Label>| label.clone().unwrap_or_default();
        let (service, route) = (text(&self.service), text(&self.route));
        Some(Series { account, direction: self.direction?, service, route })
    }
}
