use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;

use super::{Period, Threshold};
use crate::{
    event::{Content, EventType},
    id::AccountId,
    name::Name,
    time::Time,
};

/// A change of a quota that is to be published as an event of its account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingEvent {
    pub account: AccountId,
    /// When the quota check found the change.
    pub at: Time,
    pub change: Change,
    pub threshold: Threshold,
    /// Limit at that time.
    pub limit_bytes: u64,
    /// Bytes used at that time.
    pub used: u64,
    pub period: Period,
}

/// Change of a threshold's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Reached.
    Crossed,
    /// No longer reached.
    Resolved(ResolveReason),
}

/// Why a threshold is no longer reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResolveReason {
    /// The next period started.
    PeriodEnded,
    /// The limit was raised.
    LimitRaised,
    /// The quota no longer has this threshold, or measures something else.
    Redefined,
    /// The quota was deleted.
    Deleted,
}

impl PendingEvent {
    /// Identifies the change among those of its account and time; input of the event's derived id.
    #[must_use]
    pub fn subject(&self, quota: &Name) -> String {
        let change = match self.change {
            Change::Crossed => "crossed",
            Change::Resolved(_) => "resolved",
        };
        format!("quota {quota} {} {} {change}", self.period.start, self.threshold.percent())
    }

    #[must_use]
    pub fn content(&self, quota: &Name) -> Option<Content> {
        #[derive(Serialize)]
        struct Data<'a> {
            quota: &'a Name,
            threshold: Threshold,
            limit_bytes: u64,
            used: u64,
            period_start: Time,
            period_end: Time,
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<ResolveReason>,
        }
        let (r#type, reason) = match self.change {
            Change::Crossed => (EventType::QuotaCrossed, None),
            Change::Resolved(why) => (EventType::QuotaResolved, Some(why)),
        };
        let Self { threshold, limit_bytes, used, period: Period { start, end }, .. } = *self;
        let data = Data {
            quota,
            threshold,
            limit_bytes,
            used,
            period_start: start,
            period_end: end,
            reason,
        };
        Some(Content { r#type, data: to_raw_value(&data).ok()?, source: quota.to_string() })
    }
}
