//! `PUT` and `DELETE /v1/schedules/{name}`.

use std::sync::Arc;

use api::{AnyProblem, BodyProblem, Problem, ScheduleBody};
use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use model::{
    name::Name,
    schedule::{self, Schedule, ScheduleSpec},
    violation::Violation,
};
use serde_json::Value;
use store::{InvalidTiming, Recurring};
use tollgate_http::{ApiError, JsonBody, PathParam, Query};

use crate::{
    App,
    definition::{defined, version},
};

/// Create or replace a schedule.
///
/// Each occurrence creates a job whose `created_at` and `run_at` are the scheduled time. A `rate`
/// counts from now. If the job's kind is deleted, disabled or no longer accepts the payload, the
/// job is created and fails.
#[utoipa::path(
    put, path = "/v1/schedules/{name}", tag = "schedules", operation_id = "putSchedule",
    security(("key" = ["admin"])),
    params(("name" = Name, Path, description = "The schedule's name")),
    request_body = ScheduleSpec,
    responses(
        (
            status = 200, description = "The replaced schedule", body = ScheduleBody,
            links(
                ("getSchedule" = (
                    operation_id = "getSchedule",
                    parameters(("name" = "$response.body#/name"))
                )),
                ("deleteSchedule" = (
                    operation_id = "deleteSchedule",
                    parameters(("name" = "$response.body#/name"))
                ))
            )
        ),
        (
            status = 201, description = "The created schedule", body = ScheduleBody,
            links(
                ("getSchedule" = (
                    operation_id = "getSchedule",
                    parameters(("name" = "$response.body#/name"))
                )),
                ("deleteSchedule" = (
                    operation_id = "deleteSchedule",
                    parameters(("name" = "$response.body#/name"))
                ))
            ),
            headers(("Location" = String, description = "The schedule"))
        ),
        AnyProblem, BodyProblem,
    ),
)]
pub async fn put(
    State(app): State<Arc<App>>,
    PathParam(name): PathParam<Name>,
    query: Query,
    JsonBody { value: spec, json, .. }: JsonBody<ScheduleSpec>,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    let violations = app.violations(&spec, &json["job"]["payload"]).await?;
    if !violations.is_empty() {
        return Err(Problem::InvalidBody(violations).into());
    }
    let (schedule, new) = app.define(&name, &spec).await?;
    Ok(defined("schedules", &name, new, Json(ScheduleBody::from(schedule))))
}

/// Delete a schedule.
///
/// Jobs that it created are not affected.
#[utoipa::path(
    delete, path = "/v1/schedules/{name}", tag = "schedules", operation_id = "deleteSchedule",
    security(("key" = ["admin"])),
    params(("name" = Name, Path, description = "The schedule's name")),
    responses((status = 204, description = "The schedule is deleted"), AnyProblem),
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<StatusCode, ApiError> {
    query.reject_unknown()?;
    let known = app.schedules.find(&name).await?;
    if let Some(known) = &known {
        app.schedules.delete(known).await?;
    }
    // Runs even if there is no item: an earlier request may have stopped after deleting it.
    app.sync_scheduler(&name, None).await?;
    known.ok_or(Problem::NotFound)?;
    Ok(StatusCode::NO_CONTENT)
}

impl App {
    /// Violations that the JSON schema can't express.
    async fn violations(
        &self,
        spec: &ScheduleSpec,
        payload: &Value,
    ) -> Result<Vec<Violation>, ApiError> {
        let now = self.clock.now();
        let mut found = spec.violations();
        found.extend(self.unknown_account(spec.account, now).await?);
        if let Err(unfit) =
            self.validate_kind(&spec.job.kind, &spec.job.payload, payload, "/job", now).await?
        {
            found.extend(unfit);
        }
        Ok(found)
    }

    /// Stores the schedule, then updates EventBridge Scheduler. The item is written first, because
    /// a worker ignores messages of schedules it can't find. If the request stops in between, a
    /// repeat completes it.
    async fn define(&self, name: &Name, spec: &ScheduleSpec) -> Result<(Schedule, bool), ApiError> {
        let before = self.schedules.find(name).await?;
        let (schedule, new) = self.schedules.put(name, spec, &version(), self.clock.now()).await?;
        if self.sync_scheduler(name, Some(schedule.clone())).await?
            != Some(RejectedVersion(schedule.version.clone()))
        {
            return Ok((schedule, new));
        }
        self.schedules.roll_back(&schedule, before).await?;
        let found = self.schedules.find(name).await?;
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
    async fn sync_scheduler(
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
            let found = self.schedules.find(name).await?;
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

/// How often the item may change while one request updates Scheduler.
const MAX_SYNC_ROUNDS: usize = 20;

/// The version of a definition that Scheduler rejects.
#[derive(Debug, PartialEq, Eq)]
struct RejectedVersion(String);
