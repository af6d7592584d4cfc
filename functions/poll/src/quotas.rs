//! `GET /v1/quotas` and `GET /v1/quotas/{name}`.

use std::{collections::HashMap, sync::Arc};

use api::{AnyProblem, Cursor, Page, Problem, QuotaBody, Viewer, parameter};
use axum::{Json, extract::State};
use model::{name::Name, quota::Quota};
use tollgate_http::{ApiError, Caller, PathParam, Query};

use crate::App;

/// List the quotas of the key's account by name, with their usage. Keys with `admin` list all
/// quotas.
///
/// A page may have fewer than `limit` items, or none, and not be the last; check `next_cursor`.
#[utoipa::path(
    get, path = "/v1/quotas", tag = "quotas", operation_id = "listQuotas",
    security(("key" = ["usage:read"])),
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
    responses((status = 200, description = "A page", body = Page<QuotaBody>), AnyProblem),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<Page<QuotaBody>>, ApiError> {
    let of = caller.visible_account(query.account()?)?;
    let limit = query.limit()?;
    let list = of.map_or_else(|| "quotas".to_owned(), |account| format!("quotas {account}"));
    let after = query.cursor::<Name>(&list)?;
    query.reject_unknown()?;
    let (quotas, last) = app.quotas.page(of, after.as_ref().map(Name::as_str), limit).await?;
    Ok(Json(Page {
        items: app.with_states(quotas, viewer(&caller)).await?,
        next_cursor: last.map(|name| Cursor { after: name.to_string() }.encode(&list)),
    }))
}

/// Get a quota of the key's account with its usage. Keys with `admin` can get any quota.
///
/// Recipients of mails and mail failures are visible to `admin` only.
#[utoipa::path(
    get, path = "/v1/quotas/{name}", tag = "quotas", operation_id = "getQuota",
    security(("key" = ["usage:read"])),
    params(("name" = Name, Path, description = "The quota's name")),
    responses((status = 200, description = "The quota", body = QuotaBody), AnyProblem),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<Json<QuotaBody>, ApiError> {
    query.reject_unknown()?;
    let of = caller.visible_account(None)?;
    let (quota, known) = tokio::try_join!(app.quotas.find(&name), app.quotas.state(&name))?;
    let quota =
        quota.filter(|quota| of.is_none() || quota.spec.account == of).ok_or(Problem::NotFound)?;
    let standing = known.map(|known| known.state);
    Ok(Json(QuotaBody::at(app.clock.now(), quota, standing, viewer(&caller))))
}

fn viewer(caller: &Caller) -> Viewer {
    if caller.is_admin() { Viewer::Operator } else { Viewer::Tenant }
}

impl App {
    /// Adds the quotas' states, with one read for all.
    async fn with_states(
        &self,
        quotas: Vec<Quota>,
        viewer: Viewer,
    ) -> Result<Vec<QuotaBody>, ApiError> {
        let names: Vec<_> = quotas.iter().map(|quota| quota.name.clone()).collect();
        let known = self.quotas.states_of(&names).await?;
        let mut standings: HashMap<_, _> =
            known.into_iter().map(|known| (known.quota, known.state)).collect();
        let now = self.clock.now();
        let shown = quotas.into_iter().map(|quota| {
            let standing = standings.remove(&quota.name);
            QuotaBody::at(now, quota, standing, viewer)
        });
        Ok(shown.collect())
    }
}
