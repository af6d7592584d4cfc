//! Keeps EventBridge Scheduler equal to the stored schedules.

use api::Problem;
use model::{
    name::Name,
    schedule::{self, Schedule, ScheduleSpec},
    violation::Violation,
};
use store::{InvalidTiming, Recurring};
use tollgate_http::ApiError;

use super::Schedules;
use crate::definition::version;

/// How often the item may change while one request updates Scheduler.
const MAX_SYNC_ROUNDS: usize = 20;

/// The version of a definition that Scheduler rejects.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RejectedVersion(String);

impl Schedules {
    /// Stores the schedule, then updates EventBridge Scheduler. The item is written first, because
    /// a worker ignores messages of schedules it can't find. If the request stops in between, a
    /// repeat completes it.
    pub(super) async fn define(
        &self,
        name: &Name,
        spec: &ScheduleSpec,
    ) -> Result<(Schedule, bool), ApiError> {
        let before = self.store.find(name).await?;
        let (schedule, new) = self.store.put(name, spec, &version(), self.clock.now()).await?;
        if self.sync_scheduler(name, Some(schedule.clone())).await?
            != Some(RejectedVersion(schedule.version.clone()))
        {
            return Ok((schedule, new));
        }
        self.store.roll_back(&schedule, before).await?;
        let found = self.store.find(name).await?;
        self.sync_scheduler(name, found).await?;
        let why = "not accepted by EventBridge Scheduler with this timezone";
        Err(Problem::InvalidBody(vec![Violation::new("/expression", why)]).into())
    }

    /// Makes the schedule in EventBridge Scheduler match the item last `read`, and repeats this
    /// while the item changes. Calls of concurrent requests may reach Scheduler in any order. The
    /// last call belongs to a request that found the item unchanged afterwards, so both agree.
    /// Returns the version whose expression Scheduler rejects.
    ///
    /// # Errors
    ///
    /// When AWS can't be reached, or other requests keep changing the schedule. A repeat completes
    /// the request.
    pub(super) async fn sync_scheduler(
        &self,
        name: &Name,
        mut read: Option<Schedule>,
    ) -> Result<Option<RejectedVersion>, ApiError> {
        for _ in 0..MAX_SYNC_ROUNDS {
            let mut refused = None;
            match &read {
                Some(Schedule { spec, version, .. }) => {
                    let recurring = Recurring {
                        expression: &spec.expression,
                        timezone: &spec.timezone,
                        enabled: spec.enabled,
                        message: &schedule::message(name).encode(),
                    };
                    let answer = self.scheduler.put_recurring(name, recurring).await?;
                    refused = answer.err().map(|InvalidTiming| RejectedVersion(version.clone()));
                }
                None => self.scheduler.delete_recurring(name).await?,
            }
            let found = self.store.find(name).await?;
            let version =
                |schedule: &Option<Schedule>| schedule.as_ref().map(|s| s.version.clone());
            if version(&found) == version(&read) {
                return Ok(refused);
            }
            read = found;
        }
        let busy = "too many concurrent changes of the schedule";
        Err(store::Error::Unavailable(busy.into()).into())
    }
}
