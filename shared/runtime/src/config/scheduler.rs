use super::{ConfigError, Vars, required};

/// Access to EventBridge Scheduler.
#[derive(Clone, Debug)]
pub struct SchedulerConfig {
    /// `SCHEDULES_GROUP`: the group of recurring schedules.
    pub schedules_group: String,
    /// `SCHEDULER_ROLE_ARN`: the role with which Scheduler sends to the queue.
    pub role_arn: String,
    /// `QUEUE_ARN`: the job queue.
    pub queue_arn: String,
    /// `DEAD_LETTER_QUEUE_ARN`: receives what Scheduler fails to send to the job queue.
    pub dead_letter_queue_arn: String,
}

impl SchedulerConfig {
    pub(super) fn read(vars: Vars) -> Result<Self, ConfigError> {
        Ok(Self {
            schedules_group: required(vars, "SCHEDULES_GROUP")?,
            role_arn: required(vars, "SCHEDULER_ROLE_ARN")?,
            queue_arn: required(vars, "QUEUE_ARN")?,
            dead_letter_queue_arn: required(vars, "DEAD_LETTER_QUEUE_ARN")?,
        })
    }
}
