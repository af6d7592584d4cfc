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
use model::{
    id::AccountId,
    time::Time,
    usage::{Direction, Label, Points, Series, Step},
};

/// Size limit of a batch of usage events.
pub const MAX_USAGE_EVENTS: usize = 100;

/// Usage of one series in one window.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsagePoint {
    /// End of the window.
    pub time: Time,
    /// Direction of the traffic.
    #[serde(rename = "type")]
    pub direction: Direction,
    /// Service.
    pub service: Label,
    /// Route of the service.
    pub route: Label,
    /// Account of the usage; null where the source has none. Shown only to the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub account: Option<AccountId>,
    /// Bytes; null if nothing was reported, 0 if no traffic was reported.
    pub bandwidth_used: Option<u64>,
}

/// A page of usage: all points of some series, one series after the other.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsagePage {
    /// Points.
    pub items: Vec<UsagePoint>,
    /// Pass it as `cursor` to get the next page; null on the last page.
    pub next_cursor: Option<String>,
    /// Length of a window.
    pub step: Step,
}

impl UsagePoint {
    /// Upper bound of the bytes that a point of a series takes in a Lambda response: JSON in a JSON
    /// string, where every quotation mark and backslash takes two bytes.
    #[must_use]
    pub fn max_bytes(series: &Series, with_account: bool) -> usize {
        let point = Self {
            time: Time::from_millis(0),
            direction: series.direction,
            service: series.service.clone(),
            route: series.route.clone(),
            account: series.account.filter(|_| with_account),
            bandwidth_used: Some(u64::MAX),
        };
        let carried = serde_json::to_string(&point).and_then(|json| serde_json::to_string(&json));
        carried.map_or(0, |carried| carried.len())
    }

    /// Points of a series, earliest first, with its account if `shown`.
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

/// A usage report, as a `CloudEvent` in structured mode
/// (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md>). Reports with equal
/// `source` and `id` are counted once within two days. Further attributes are allowed and ignored.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsageEvent {
    /// `CloudEvents` version.
    pub specversion: SpecVersion,
    /// Event type.
    #[serde(rename = "type")]
    pub kind: UsageEventType,
    /// Reporter of the usage.
    #[schema(min_length = 1, max_length = 1024, examples("/shop/eu-1"))]
    pub source: String,
    /// Id of the event, unique within its source.
    #[schema(min_length = 1, max_length = 1024, examples("2026-11-20T16:00:00Z/7"))]
    pub id: String,
    /// Time of the event.
    #[serde(default)]
    pub time: Option<Time>,
    /// Reported usage.
    pub data: UsageData,
}

/// `CloudEvents` version.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub enum SpecVersion {
    /// 1.0
    #[serde(rename = "1.0")]
    One,
}

/// Type of a usage event.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub enum UsageEventType {
    /// Bytes transferred by a service.
    #[serde(rename = "tollgate.bandwidth")]
    Bandwidth,
}

/// Reported usage.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UsageData {
    /// Service.
    pub service: Label,
    /// Route of the service.
    #[serde(default)]
    pub route: Label,
    /// Direction of the traffic.
    #[serde(rename = "type")]
    pub direction: Direction,
    /// Number of bytes.
    #[schema(maximum = 9_007_199_254_740_991_u64)]
    pub bytes: u64,
    /// Time of the usage, to the minute: from an hour ago to a minute ahead. Defaults to the
    /// event's `time`, or else to now.
    #[serde(default)]
    pub at: Option<Time>,
    /// Account of the usage; defaults to the key's account. Another account requires `admin`.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$")]
    pub account: Option<AccountId>,
}

/// Schema of a batch of usage events: an item may be anything, because an invalid item doesn't
/// invalidate the batch.
#[derive(Debug)]
pub struct UsageBatch;

impl PartialSchema for UsageBatch {
    fn schema() -> RefOr<Schema> {
        let other = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        let other =
            other.description(Some("Any other value is rejected on its own, with status 422."));
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

/// Result of one usage event.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsageAccepted {
    /// 202: counted. 422: invalid. 403: names an account that the key may not report for. 409:
    /// exceeds the account's limit of series. 503: possibly not counted; repeat it.
    #[schema(examples(202))]
    pub status: u16,
    /// Whether it was counted before; a duplicate is not counted again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<bool>,
    /// Why the event was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<ProblemBody>,
}

/// Results of reported events, in request order.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UsageReported {
    /// One result per event.
    pub items: Vec<UsageAccepted>,
}
