use serde::{Deserialize, Serialize};

use model::{
    id::AccountId,
    name::Name,
    schedule::{Schedule, ScheduledJob},
    time::Time,
};

/// A schedule.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScheduleBody {
    /// Schedule name.
    pub name: Name,
    /// `rate(…)` or `cron(…)` expression.
    pub expression: String,
    /// IANA time zone of a `cron` expression.
    pub timezone: String,
    /// Job to submit.
    pub job: ScheduledJob,
    /// Account that owns the jobs.
    #[schema(value_type = String)]
    pub account: AccountId,
    /// Whether the schedule is active.
    pub enabled: bool,
    /// Creation time.
    pub created_at: Time,
    /// Time of the last change.
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
