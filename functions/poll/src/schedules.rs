//! `GET /v1/schedules` and `GET /v1/schedules/{name}`.

use std::sync::Arc;

use api::{AnyProblem, Cursor, Page, Problem, ScheduleBody, parameter};
use axum::{Json, extract::State};
use model::{id::AccountId, name::Name, schedule::Schedule};
use tollgate_http::{ApiError, Caller, PathParam, Query};

use crate::App;

/// List the schedules of the key's account by name. Keys with `admin` list all schedules.
///
/// A page may have fewer than `limit` items, or none, and not be the last; check `next_cursor`.
#[utoipa::path(
    get, path = "/v1/schedules", tag = "schedules", operation_id = "listSchedules",
    security(("key" = ["jobs:read"])),
    params(
        (
            "limit" = Option<u8>, Query, minimum = 1, maximum = 100,
            description = "Maximum number of items; defaults to 20"
        ),
        (
            "cursor" = Option<parameter::Cursor>, Query,
            description = "The `next_cursor` of the previous page"
        ),
        (
            "account" = Option<parameter::AccountId>, Query,
            description = "Only this account's; requires `admin`."
        ),
    ),
    responses((status = 200, description = "A page", body = Page<ScheduleBody>), AnyProblem),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<Page<ScheduleBody>>, ApiError> {
    let of = caller.visible_account(query.account()?)?;
    let limit = query.limit()?;
    let list = of.map_or_else(|| "schedules".to_owned(), |account| format!("schedules {account}"));
    let after = query.cursor::<Name>(&list)?;
    query.reject_unknown()?;
    let (schedules, last) = app.schedules.page(of, after.as_ref().map(Name::as_str), limit).await?;
    Ok(Json(Page {
        items: schedules.into_iter().map(ScheduleBody::from).collect(),
        next_cursor: last.map(|name| Cursor { after: name.to_string() }.encode(&list)),
    }))
}

/// Get a schedule of the key's account. Keys with `admin` can get any schedule.
#[utoipa::path(
    get, path = "/v1/schedules/{name}", tag = "schedules", operation_id = "getSchedule",
    security(("key" = ["jobs:read"])),
    params(("name" = Name, Path, description = "The schedule's name")),
    responses((status = 200, description = "The schedule", body = ScheduleBody), AnyProblem),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<Json<ScheduleBody>, ApiError> {
    query.reject_unknown()?;
    let of = caller.visible_account(None)?;
    let schedule = app.schedules.find(&name).await?.filter(|schedule| is_of(schedule, of));
    Ok(Json(schedule.ok_or(Problem::NotFound)?.into()))
}

fn is_of(schedule: &Schedule, account: Option<AccountId>) -> bool {
    account.is_none_or(|account| schedule.spec.account == account)
}
