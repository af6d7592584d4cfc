//! `PUT` and `DELETE /v1/schedules/{name}`.

use std::sync::Arc;

use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use serde_json::Value;
use shared::{
    api::{AnyProblem, BodyProblem, Problem, ScheduleBody},
    aws::{self, NotAccepted, Recurring},
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
    if let Some(known) = &known {
        app.schedules.delete(known).await?;
    }
    // Also where there is none: an earlier deletion may have ended after the item's.
    app.follow(&name, None).await?;
    known.ok_or(Problem::NotFound)?;
    Ok(StatusCode::NO_CONTENT)
}

impl App {
    /// Everything that is wrong with a schedule that its contract doesn't say.
    async fn mistakes(
        &self,
        spec: &ScheduleSpec,
        payload: &Value,
    ) -> Result<Vec<Violation>, Failure> {
        let now = self.clock.now();
        let mut found = spec.violations();
        found.extend(self.unknown(spec.account, now).await?);
        if let Err(unfit) =
            self.kind_for(&spec.job.kind, &spec.job.payload, payload, "/job", now).await?
        {
            found.extend(unfit);
        }
        Ok(found)
    }

    /// Stores the schedule, then has Scheduler follow. The item comes first: what Scheduler sends
    /// is only of use to a worker that finds it. If this ends in between, a repeat completes it.
    async fn define(&self, name: &Name, spec: &ScheduleSpec) -> Result<(Schedule, bool), Failure> {
        let before = self.schedules.find(name).await?;
        let (schedule, new) = self.schedules.put(name, spec, &version(), self.clock.now()).await?;
        if self.follow(name, Some(schedule.clone())).await?
            != Some(Refused(schedule.version.clone()))
        {
            return Ok((schedule, new));
        }
        self.schedules.take_back(&schedule, before).await?;
        let found = self.schedules.find(name).await?;
        self.follow(name, found).await?;
        let why = "is refused by EventBridge Scheduler, with this timezone";
        Err(Problem::InvalidBody(vec![Violation::new("/expression", why)]).into())
    }

    /// Makes Scheduler's schedule what the item says that was `read` last, or is gone, and again
    /// while the item changes. Calls of several requests may reach Scheduler in any order; but
    /// whichever comes last is of a request that found the item unchanged after it, so that both
    /// agree. Tells which version Scheduler takes no such expression of.
    ///
    /// # Errors
    /// When AWS can't be reached, or others change the schedule all the time. A repeat completes
    /// it.
    async fn follow(
        &self,
        name: &Name,
        mut read: Option<Schedule>,
    ) -> Result<Option<Refused>, Failure> {
        for _ in 0..TURNS {
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
                    refused = answer.err().map(|NotAccepted| Refused(version.clone()));
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
        let busy = "others define and delete the same schedule all the time";
        Err(aws::Error::Unavailable(busy.into()).into())
    }
}

/// How often the item may change while one request has Scheduler follow it.
const TURNS: usize = 20;

/// The version of a definition that Scheduler doesn't take.
#[derive(Debug, PartialEq, Eq)]
struct Refused(String);
