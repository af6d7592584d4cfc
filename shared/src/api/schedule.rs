use serde::{Deserialize, Serialize};

use crate::{
    id::AccountId,
    name::Name,
    schedule::{Schedule, ScheduledJob},
    time::Time,
};

/// A schedule.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScheduleBody {
    /// Its name.
    pub name: Name,
    /// When: `rate(…)` or `cron(…)`.
    pub expression: String,
    /// In whose time a `cron` expression is meant.
    pub timezone: String,
    /// What it runs.
    pub job: ScheduledJob,
    /// For whom.
    #[schema(value_type = String)]
    pub account: AccountId,
    /// Whether it runs at all.
    pub enabled: bool,
    /// When it was first made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
}

impl From<Schedule> for ScheduleBody {
    fn from(schedule: Schedule) -> Self {
        let spec = schedule.spec;
        Self {
            name: schedule.name,
            expression: spec.expression,
            timezone: spec.timezone,
            job: spec.job,
            account: spec.account,
            enabled: spec.enabled,
            created_at: schedule.created_at,
            updated_at: schedule.updated_at,
        }
    }
}
