use serde::{Deserialize, Serialize};
use serde_json::value::to_raw_value;

use super::{Period, Threshold};
use crate::{
    event::{Content, EventType},
    id::AccountId,
    name::Name,
    time::Time,
};

/// Something about a quota that an event of its account is to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Whose event it is.
    pub account: AccountId,
    /// When it was seen.
    pub at: Time,
    /// What happened.
    pub change: Change,
    /// To which threshold.
    pub threshold: Threshold,
    /// The limit then.
    pub limit_bytes: u64,
    /// What was used of it.
    pub used: u64,
    /// In which period.
    pub period: Period,
}

/// What happens to thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was reached.
    Crossed,
    /// It isn't any more.
    Resolved(Why),
}

/// Why a threshold isn't reached any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// The next period began.
    PeriodEnded,
    /// There is more to use now.
    LimitRaised,
    /// The quota has no such threshold any more, or measures something else.
    Redefined,
    /// There is no such quota any more.
    Deleted,
}

impl Notice {
    /// What makes it this notice and no other, beside its time and its account.
    #[must_use]
    pub fn subject(&self, quota: &Name) -> String {
        let change = match self.change {
            Change::Crossed => "crossed",
            Change::Resolved(_) => "resolved",
        };
        format!("quota {quota} {} {} {change}", self.period.start, self.threshold.percent())
    }

    /// The event's content.
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
            reason: Option<Why>,
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
