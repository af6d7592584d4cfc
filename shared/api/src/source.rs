use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr,
        schema::{AnyOfBuilder, Schema},
    },
};

use model::{
    name::Name,
    time::Time,
    usage::{Source, SourceState, Upstream},
};

/// A source of usage and the state of its collection. Its address and queries are shown only to the
/// operator; a tenant sees its `type`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SourceBody {
    /// Source name.
    pub name: Name,
    /// Definition of the source; header values are masked.
    #[serde(flatten)]
    pub upstream: ShownUpstream,
    /// Creation time.
    pub created_at: Time,
    /// Time of the last change.
    pub updated_at: Time,
    /// Minute of the last complete collection; null: none yet.
    pub last_success_at: Option<Time>,
    /// Number of series in that collection.
    pub series: u64,
    /// Error of the last collection; null: none. A tenant sees only that there was one.
    pub last_error: Option<String>,
    /// Minute of the last error.
    pub last_error_at: Option<Time>,
    /// Data that the last collection could not use; null: none. A tenant sees only that there was
    /// some.
    pub last_warning: Option<String>,
}

/// Upstream of a source, in full or only its type.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ShownUpstream {
    /// Full definition with masked header values, for operators.
    Full(Box<Upstream>),
    /// Type only, for tenants.
    Outline(Outline),
}

/// Upstream of a source as shown to tenants.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Outline {
    /// Source type.
    #[serde(rename = "type")]
    #[schema(schema_with = UpstreamType::schema)]
    pub kind: UpstreamType,
}

/// Source type.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamType {
    /// Page of metrics.
    Prometheus,
    /// `CloudWatch` metric.
    Cloudwatch,
}

impl UpstreamType {
    const fn of(upstream: &Upstream) -> Self {
        match upstream {
            Upstream::Prometheus { .. } => Self::Prometheus,
            Upstream::Cloudwatch { .. } => Self::Cloudwatch,
        }
    }
}

impl SourceBody {
    /// Full body, for operators.
    #[must_use]
    pub fn for_operator((source, state): (Source, SourceState)) -> Self {
        // State from an earlier definition says nothing about the current one.
        let state = if state.lineage == source.generation { state } else { SourceState::default() };
        Self {
            name: source.name,
            upstream: ShownUpstream::Full(Box::new(source.spec.0.masked())),
            created_at: source.created_at,
            updated_at: source.updated_at,
            last_success_at: state.last_success_at,
            series: state.series,
            last_error: state.last_error,
            last_error_at: state.last_error_at,
            last_warning: state.last_warning,
        }
    }

    /// Body for the tenant whose usage it is: without address, queries and error details.
    #[must_use]
    pub fn for_tenant(found: (Source, SourceState)) -> Self {
        let whole = Self::for_operator(found);
        let kind = match &whole.upstream {
            ShownUpstream::Full(upstream) => UpstreamType::of(upstream),
            ShownUpstream::Outline(Outline { kind }) => *kind,
        };
        Self {
            upstream: ShownUpstream::Outline(Outline { kind }),
            last_error: whole.last_error.map(|_| "collection failed".to_owned()),
            last_warning: whole.last_warning.map(|_| "some samples were unusable".to_owned()),
            ..whole
        }
    }
}

impl PartialSchema for ShownUpstream {
    fn schema() -> RefOr<Schema> {
        // `anyOf` rather than `oneOf`, because the full definition has a `type` too and matches
        // both.
        Schema::AnyOf(
            AnyOfBuilder::new()
                .item(Ref::from_schema_name(Upstream::name()))
                .item(Outline::schema())
                .build(),
        )
        .into()
    }
}

impl ToSchema for ShownUpstream {
    fn schemas(parts: &mut Vec<(String, RefOr<Schema>)>) {
        parts.push((Upstream::name().into_owned(), Upstream::schema()));
        Upstream::schemas(parts);
    }
}
