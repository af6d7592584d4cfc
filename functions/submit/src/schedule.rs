//! `PUT` and `DELETE /v1/schedules/{name}`.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use serde_json::Value;
use shared::{
    api::{AnyProblem, BodyProblem, Problem, ScheduleBody},
    aws::{NotAccepted, Recurring},
    gate::{Failure, JsonBody, Named, Query},
    name::Name,
    schedule::{self, Schedule, ScheduleSpec},
    schema::Violation,
};

use crate::{
    App,
    definition::{defined, version},
};

/// Define a schedule, or define it anew.
///
/// At each of its times it makes a job, whose `created_at` and `run_at` are that time. A `rate` counts from now on. If the job's kind is
/// deleted or disabled by then, or doesn't take the payload any more, the job is made all the same, and failed.
#[utoipa::path(
    put, path = "/v1/schedules/{name}", tag = "schedules", operation_id = "putSchedule",
    security(("key" = ["admin"])),
    params(("name" = Name, Path, description = "The schedule's name")),
    request_body = ScheduleSpec,
    responses(
        (status = 200, description = "The schedule was defined anew", body = ScheduleBody, links(("getSchedule" = (operation_id = "getSchedule", parameters(("name" = "$response.body#/name")))), ("deleteSchedule" = (operation_id = "deleteSchedule", parameters(("name" = "$response.body#/name")))))),
        (status = 201, description = "The schedule is new", body = ScheduleBody, links(("getSchedule" = (operation_id = "getSchedule", parameters(("name" = "$response.body#/name")))), ("deleteSchedule" = (operation_id = "deleteSchedule", parameters(("name" = "$response.body#/name"))))), headers(("Location" = String, description = "The schedule"))),
        AnyProblem, BodyProblem,
    ),
)]
pub async fn put(
    State(app): State<Arc<App>>,
    Named(name): Named<Name>,
    query: Query,
    JsonBody { value: spec, json, .. }: JsonBody<ScheduleSpec>,
) -> Result<Response, Failure> {
    query.end()?;
    let violations = app.mistakes(&spec, &json["job"]["payload"]).await?;
    if !violations.is_empty() {
        return Err(Problem::InvalidBody(violations).into());
    }
    let (schedule, new) = app.define(&name, &spec).await?;
    Ok(defined("schedules", &name, new, Json(ScheduleBody::from(schedule))))
}

/// Delete a schedule.
///
/// Jobs that it made stay as they are.
#[utoipa::path(
    delete, path = "/v1/schedules/{name}", tag = "schedules", operation_id = "deleteSchedule",
    security(("key" = ["admin"])),
    params(("name" = Name, Path, description = "The schedule's name")),
    responses((status = 204, description = "The schedule is gone"), AnyProblem),
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Named(name): Named<Name>,
    query: Query,
) -> Result<StatusCode, Failure> {
    query.end()?;
    let known = app.schedules.find(&name).await?;
    // Scheduler first: as long as the item is there, a repeat finds something to delete.
    app.scheduler.delete_recurring(&name).await?;
    let known = known.ok_or(Problem::NotFound)?;
    app.schedules.delete(&known).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl App {
    /// Everything that is wrong with a schedule that its contract doesn't say.
    async fn mistakes(&self, spec: &ScheduleSpec, payload: &Value) -> Result<Vec<Violation>, Failure> {
        let now = self.clock.now();
        let mut found = spec.violations();
        found.extend(self.unknown(spec.account, now).await?);
        if let Err(unfit) = self.kind_for(&spec.job.kind, &spec.job.payload, payload, "/job", now).await? {
            found.extend(unfit);
        }
        Ok(found)
    }

    /// Keeps the schedule, then has Scheduler keep its time: what Scheduler sends is only of use to a worker that finds the item. If this
    /// ends in between, a repeat completes it.
    async fn define(&self, name: &Name, spec: &ScheduleSpec) -> Result<(Schedule, bool), Failure> {
        let before = self.schedules.find(name).await?;
        let (schedule, new) = self.schedules.put(name, spec, &version(), self.clock.now()).await?;
        let recurring = Recurring {
            expression: &spec.expression,
            timezone: &spec.timezone,
            enabled: spec.enabled,
            message: &schedule::message(name).encode(),
        };
        match self.scheduler.put_recurring(name, recurring).await? {
            Ok(()) => Ok((schedule, new)),
            Err(NotAccepted) => {
                self.schedules.take_back(&schedule, before).await?;
                let why = "is refused by EventBridge Scheduler, with this timezone";
                Err(Problem::InvalidBody(vec![Violation::new("/expression", why)]).into())
            }
        }
    }
}
