//! Schedules.

mod sync;

use std::sync::Arc;

use api::{Page, Problem, ScheduleBody, parameter};
use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use model::{id::AccountId, name::Name, schedule::ScheduleSpec, violation::Violation};
use runtime::clock::Clock;
use serde_json::Value;
use store::{AccountStore, InvalidJob, KindStore, ScheduleStore, Scheduler};
use tollgate_http::{ApiError, Caller, JsonBody, PathParam, Query};

use crate::definition::{self, Definition, unknown_account};

#[derive(Debug)]
pub struct Schedules {
    pub store: ScheduleStore,
    pub scheduler: Scheduler,
    pub accounts: Arc<AccountStore>,
    pub kinds: Arc<KindStore>,
    pub clock: Clock,
}

impl Definition for Schedules {
    const COLLECTION: &'static str = "schedules";
    type Spec = ScheduleSpec;
    type Body = ScheduleBody;

    async fn put(
        &self,
        name: &Name,
        JsonBody { value: spec, json, .. }: JsonBody<ScheduleSpec>,
    ) -> Result<(ScheduleBody, bool), ApiError> {
        let violations = self.violations(&spec, &json["job"]["payload"]).await?;
        Problem::check_body(violations)?;
        let (schedule, new) = self.define(name, &spec).await?;
        Ok((ScheduleBody::from(schedule), new))
    }

    async fn delete(&self, name: &Name) -> Result<bool, ApiError> {
        let known = self.store.find(name).await?;
        if let Some(known) = &known {
            self.store.delete(known).await?;
        }
        // Runs even if there is no item: an earlier request may have stopped after deleting it.
        self.sync_scheduler(name, None).await?;
        Ok(known.is_some())
    }

    async fn get(&self, name: &Name, caller: &Caller) -> Result<Option<ScheduleBody>, ApiError> {
        let of = caller.visible_account(None)?;
        let found = self.store.find(name).await?;
        let visible =
            found.filter(|schedule| of.is_none_or(|account| schedule.spec.account == account));
        Ok(visible.map(ScheduleBody::from))
    }

    fn listed_account(caller: &Caller, query: &mut Query) -> Result<Option<AccountId>, Problem> {
        caller.visible_account(query.account()?)
    }

    async fn page(
        &self,
        of: Option<AccountId>,
        after: Option<&str>,
        limit: usize,
        _: &Caller,
    ) -> Result<(Vec<ScheduleBody>, Option<Name>), ApiError> {
        let (schedules, last) = self.store.page(of, after, limit).await?;
        Ok((schedules.into_iter().map(ScheduleBody::from).collect(), last))
    }
}

impl Schedules {
    /// Violations that the JSON schema can't express.
    async fn violations(
        &self,
        spec: &ScheduleSpec,
        payload: &Value,
    ) -> Result<Vec<Violation>, ApiError> {
        let now = self.clock.now();
        let mut found = spec.violations();
        found.extend(unknown_account(&self.accounts, Some(spec.account), now).await?);
        let job = &spec.job;
        match self.kinds.validate_job(&job.kind, &job.payload, payload, "/job", now).await {
            Ok(_) => {}
            Err(InvalidJob::Violations(more)) => found.extend(more),
            Err(InvalidJob::Store(error)) => return Err(error.into()),
        }
        Ok(found)
    }
}

/// Create or replace a schedule.
///
/// Each occurrence creates a job whose `created_at` and `run_at` are the scheduled time. A `rate`
/// counts from now. If the job's kind is deleted, disabled or no longer accepts the payload, the
/// job is created and fails.
#[utoipa::path(
    put, path = "/v1/schedules/{name}", tag = "schedules", operation_id = "putSchedule",
    params(("name" = Name, Path, description = "The schedule's name")),
    request_body = ScheduleSpec,
    responses(
        (status = 200, description = "The replaced schedule", body = ScheduleBody),
        (
            status = 201, description = "The created schedule", body = ScheduleBody,
            headers(("Location" = String, description = "The schedule"))
        ),
    ),
)]
pub async fn put(
    State(schedules): State<Arc<Schedules>>,
    PathParam(name): PathParam<Name>,
    query: Query,
    body: JsonBody<ScheduleSpec>,
) -> Result<Response, ApiError> {
    definition::put(&*schedules, &name, query, body).await
}

/// Delete a schedule.
///
/// Jobs that it created are not affected.
#[utoipa::path(
    delete, path = "/v1/schedules/{name}", tag = "schedules", operation_id = "deleteSchedule",
    params(("name" = Name, Path, description = "The schedule's name")),
    responses((status = 204, description = "The schedule is deleted")),
)]
pub async fn delete(
    State(schedules): State<Arc<Schedules>>,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<StatusCode, ApiError> {
    definition::delete(&*schedules, &name, query).await
}

/// List the schedules of the key's account by name. Keys with `admin` list all schedules.
///
/// A page may have fewer than `limit` items, or none, and not be the last; check `next_cursor`.
#[utoipa::path(
    get, path = "/v1/schedules", tag = "schedules", operation_id = "listSchedules",
    params(parameter::Paging, parameter::OfAccount),
    responses((status = 200, description = "A page", body = Page<ScheduleBody>)),
)]
pub async fn list(
    State(schedules): State<Arc<Schedules>>,
    caller: Caller,
    query: Query,
) -> Result<Json<Page<ScheduleBody>>, ApiError> {
    definition::list(&*schedules, query, &caller).await
}

/// Get a schedule of the key's account. Keys with `admin` can get any schedule.
#[utoipa::path(
    get, path = "/v1/schedules/{name}", tag = "schedules", operation_id = "getSchedule",
    params(("name" = Name, Path, description = "The schedule's name")),
    responses((status = 200, description = "The schedule", body = ScheduleBody)),
)]
pub async fn get(
    State(schedules): State<Arc<Schedules>>,
    caller: Caller,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<Json<ScheduleBody>, ApiError> {
    definition::get(&*schedules, &name, query, &caller).await
}
