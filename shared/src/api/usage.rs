use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        Ref, RefOr,
        schema::{AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaType},
    },
};

use super::ProblemBody;
use crate::{
    id::AccountId,
    time::Time,
    usage::{Direction, Label, Points, Series, Step},
};

/// How many events a batch of usage has at most.
pub const MAX_USAGE_EVENTS: usize = 100;

/// What was counted in one window of one series.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsagePoint {
    /// When the window ends.
    pub time: Time,
    /// Which way the bytes went.
    #[serde(rename = "type")]
    pub direction: Direction,
    /// Of which service.
    pub service: Label,
    /// By which of its routes.
    pub route: Label,
    /// Whose usage it is; null where the source is of no account. Only the operator is shown it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub account: Option<AccountId>,
    /// How many bytes; null where nothing was reported, and 0 where that was nothing.
    pub bandwidth_used: Option<u64>,
}

/// A page of usage: all points of some series, one series after the other.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsagePage {
    /// The points.
    pub items: Vec<UsagePoint>,
    /// Give it as `cursor` to read on; null at the end.
    pub next_cursor: Option<String>,
    /// How much time a point stands for.
    pub step: Step,
}

impl UsagePoint {
    /// How many bytes a point of a series takes at most in an answer as Lambda carries it: JSON as a text within JSON, where each quotation mark and
    /// backslash takes two.
    #[must_use]
    pub fn most_bytes(series: &Series, shown: bool) -> usize {
        let point = Self {
            time: Time::from_millis(0),
            direction: series.direction,
            service: series.service.clone(),
            route: series.route.clone(),
            account: series.account.filter(|_| shown),
            bandwidth_used: Some(u64::MAX),
        };
        let carried = serde_json::to_string(&point).and_then(|json| serde_json::to_string(&json));
        carried.map_or(0, |carried| carried.len())
    }

    /// The points of a series, the earliest first; with its account where that is to be `shown`.
    pub fn all(series: &Series, points: &Points, shown: bool) -> Vec<Self> {
        let point = |(time, bandwidth_used)| Self {
            time,
            direction: series.direction,
            service: series.service.clone(),
            route: series.route.clone(),
            account: series.account.filter(|_| shown),
            bandwidth_used,
        };
        points.iter().map(point).collect()
    }
}

/// Usage to be counted, as a `CloudEvent` (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>) in structured mode. `source`
/// and `id` together count once, for two days. Further attributes are allowed, and mean nothing here.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsageEvent {
    /// The version of `CloudEvents`.
    pub specversion: SpecVersion,
    /// What kind of event it is.
    #[serde(rename = "type")]
    pub kind: UsageEventType,
    /// Who tells.
    #[schema(min_length = 1, max_length = 1024, examples("/shop/eu-1"))]
    pub source: String,
    /// What tells the event from others of its source.
    #[schema(min_length = 1, max_length = 1024, examples("2026-11-20T16:00:00Z/7"))]
    pub id: String,
    /// When it happened.
    #[serde(default)]
    pub time: Option<Time>,
    /// How much of what.
    pub data: UsageData,
}

/// The only version.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub enum SpecVersion {
    /// 1.0
    #[serde(rename = "1.0")]
    One,
}

/// The only type.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub enum UsageEventType {
    /// Bytes that went through a service.
    #[serde(rename = "tollgate.bandwidth")]
    Bandwidth,
}

/// How many bytes went where.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageData {
    /// Of which service.
    pub service: Label,
    /// By which of its routes.
    #[serde(default)]
    pub route: Label,
    /// Which way they went.
    #[serde(rename = "type")]
    pub direction: Direction,
    /// How many.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub bytes: u64,
    /// When, to the minute: from an hour back to a minute ahead. The event's `time` if nothing is said, or else now.
    #[serde(default)]
    pub at: Option<Time>,
    /// Whose usage it is, for `admin`; the key's account if nothing is said.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    pub account: Option<AccountId>,
}

/// Usage events, and whatever else, since one that is none is refused alone.
#[derive(Debug)]
pub struct UsageBatch;

impl PartialSchema for UsageBatch {
    fn schema() -> RefOr<Schema> {
        let other = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        let other = other.description(Some("Anything else is refused alone, with status 422."));
        let event = AnyOfBuilder::new().item(Ref::from_schema_name(UsageEvent::name())).item(other);
        ArrayBuilder::new().items(event).min_items(Some(1)).max_items(Some(MAX_USAGE_EVENTS)).into()
    }
}

impl ToSchema for UsageBatch {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("UsageBatch")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((UsageEvent::name().into_owned(), UsageEvent::schema()));
        UsageEvent::schemas(schemas);
    }
}

/// What became of an event.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsageAccepted {
    /// 202: it counts. 422: it breaks the contract. 403: it names an account that the key may not speak for. 409: its series would be one
    /// too many of the account. 503: it may not have been counted; repeat it.
    #[schema(examples(202))]
    pub status: u16,
    /// Whether it was counted before; then it isn't counted again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<bool>,
    /// What is wrong, if it wasn't accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
}

/// What became of reported events, in the order in which they were given.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsageReported {
    /// One for each event.
    pub items: Vec<UsageAccepted>,
}
