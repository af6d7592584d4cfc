use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr,
        schema::{AnyOfBuilder, Schema},
    },
};

use crate::{
    name::Name,
    time::Time,
    usage::{Source, SourceState, Upstream},
};

/// A source of usage, and how its collection goes. Where it is and how it is asked is for the operator: a tenant is shown its `type`.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SourceBody {
    /// Its name.
    pub name: Name,
    /// What it is; the values of its headers are masked.
    #[serde(flatten)]
    pub upstream: ShownUpstream,
    /// When it was first defined.
    pub created_at: Time,
    /// When it was last defined.
    pub updated_at: Time,
    /// The minute for which all of it was last collected; null if it never was.
    pub last_success_at: Option<Time>,
    /// How many series that were.
    pub series: u64,
    /// What went wrong the last time; null if nothing did. A tenant is told only that something did.
    pub last_error: Option<String>,
    /// The minute in which something last went wrong.
    pub last_error_at: Option<Time>,
    /// What of the last page could not be used; null if all could. A tenant is told only that something couldn't.
    pub last_warning: Option<String>,
}

/// What is shown of a source's upstream.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ShownUpstream {
    /// All but the values of its headers.
    Whole(Box<Upstream>),
    /// What type it is.
    Outline(Outline),
}

/// What a tenant is shown of a source's upstream.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Outline {
    /// What type it is.
    #[serde(rename = "type")]
    #[schema(schema_with = UpstreamType::schema)]
    pub kind: UpstreamType,
}

/// The types of sources.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UpstreamType {
    /// A page of metrics.
    Prometheus,
    /// A metric of `CloudWatch`.
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
    /// As its operator sees it.
    #[must_use]
    pub fn whole((source, state): (Source, SourceState)) -> Self {
        // What was collected of another definition says nothing of this one.
        let state = if state.lineage == source.lineage { state } else { SourceState::default() };
        Self {
            name: source.name,
            upstream: ShownUpstream::Whole(Box::new(source.spec.0.masked())),
            created_at: source.created_at,
            updated_at: source.updated_at,
            last_success_at: state.last_success_at,
            series: state.series,
            last_error: state.last_error,
            last_error_at: state.last_error_at,
            last_warning: state.last_warning,
        }
    }

    /// As the tenant sees it whose usage it is: without what tells where and how it is asked.
    #[must_use]
    pub fn outline(found: (Source, SourceState)) -> Self {
        let whole = Self::whole(found);
        let kind = match &whole.upstream {
            ShownUpstream::Whole(upstream) => UpstreamType::of(upstream),
            ShownUpstream::Outline(Outline { kind }) => *kind,
        };
        Self {
            upstream: ShownUpstream::Outline(Outline { kind }),
            last_error: whole.last_error.map(|_| "it could not be collected".to_owned()),
            last_warning: whole.last_warning.map(|_| "some of it could not be used".to_owned()),
            ..whole
        }
    }
}

impl PartialSchema for ShownUpstream {
    fn schema() -> RefOr<Schema> {
        // Not one of the two: what is shown whole has a type as well.
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
