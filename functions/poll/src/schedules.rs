//! `GET /v1/schedules` and `GET /v1/schedules/{name}`.

use std::sync::Arc;

use axum::{Json, extract::State};
use shared::{
    api::{AnyProblem, Cursor, Page, Problem, ScheduleBody},
    gate::{Caller, Failure, Named, Query},
    id::AccountId,
    name::Name,
    schedule::Schedule,
};

use crate::App;

/// List the schedules of the key's account by name; `admin` sees those of all accounts.
#[utoipa::path(
    get, path = "/v1/schedules", tag = "schedules", operation_id = "listSchedules",
    security(("key" = ["jobs:read"])),
    params(
        ("limit" = Option<u8>, Query, minimum = 1, maximum = 100, description = "How many, 20 if nothing is said"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
        ("account" = Option<String>, Query, description = "Only those of this account, for `admin`."),
    ),
    responses((status = 200, description = "A page", body = Page<ScheduleBody>), AnyProblem),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<Page<ScheduleBody>>, Failure> {
    let of = seen_by(&caller, query.account()?)?;
    let limit = query.limit()?;
    let cursor = query.take::<String>("cursor")?;
    query.end()?;
    let list = of.map_or_else(|| "schedules".to_owned(), |account| format!("schedules {account}"));
    let after = cursor.map(|text| Cursor::decode(&text, &list)).transpose();
    let after =
        after.map_err(|error| Problem::InvalidParameter { name: "cursor", detail: error.to_string() })?;
    let (schedules, more) = app.schedules_of(of, after.map(|cursor| cursor.after), limit).await?;
    let last = schedules.last().filter(|_| more).map(|schedule| schedule.name.to_string());
    Ok(Json(Page {
        items: schedules.into_iter().map(ScheduleBody::from).collect(),
        next_cursor: last.map(|after| Cursor { after }.encode(&list)),
    }))
}

/// Ask for a schedule of the key's account; `admin` sees those of all accounts.
#[utoipa::path(
    get, path = "/v1/schedules/{name}", tag = "schedules", operation_id = "getSchedule",
    security(("key" = ["jobs:read"])),
    params(("name" = Name, Path, description = "The schedule's name")),
    responses((status = 200, description = "The schedule", body = ScheduleBody), AnyProblem),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(name): Named<Name>,
    query: Query,
) -> Result<Json<ScheduleBody>, Failure> {
    query.end()?;
    let of = seen_by(&caller, None)?;
    let schedule = app.schedules.find(&name).await?.filter(|schedule| is_of(schedule, of));
    Ok(Json(schedule.ok_or(Problem::NotFound)?.into()))
}

/// Whose schedules are to be seen; `None`: everybody's.
fn seen_by(caller: &Caller, named: Option<AccountId>) -> Result<Option<AccountId>, Problem> {
    match named {
        None if caller.is_admin() => Ok(None),
        named => caller.acting_for(named).map(Some),
    }
}

fn is_of(schedule: &Schedule, account: Option<AccountId>) -> bool {
    account.is_none_or(|account| schedule.spec.account == account)
}

impl App {
    /// Up to `limit` of an account's schedules, and whether there may be more. There are as many schedules as operators write, all in
    /// one partition: it is read on until there is something to show, so that a cursor never names another account's.
    async fn schedules_of(
        &self,
        account: Option<AccountId>,
        mut after: Option<String>,
        limit: usize,
    ) -> Result<(Vec<Schedule>, bool), Failure> {
        loop {
            let (mut found, more) = self.schedules.page(after.as_deref(), limit).await?;
            after = found.last().map(|schedule| schedule.name.to_string());
            found.retain(|schedule| is_of(schedule, account));
            if !more || !found.is_empty() || after.is_none() {
                return Ok((found, more));
            }
        }
    }
}
