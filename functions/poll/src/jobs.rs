//! `GET /v1/jobs`.

mod read;

use std::sync::Arc;

use api::{Cursor, JobBody, Page, parameter};
use axum::{Json, extract::State};
use model::id::{AccountId, JobId};
use store::Filter;
use tollgate_http::{ApiError, Caller, Query};

pub use read::{Jobs, read_job};

/// List jobs, newest first.
///
/// Large results are omitted; get the job to read them.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs", operation_id = "listJobs",
    params(
        (
            "status" = Option<model::job::Status>, Query,
            description = "Only jobs with this status"
        ),
        ("kind" = Option<model::name::Name>, Query, description = "Only jobs of this kind"),
        parameter::Paging,
        (
            "account" = Option<parameter::AccountId>, Query,
            description = "The jobs' account; defaults to the key's account. Others require \
                `admin`."
        ),
    ),
    responses((status = 200, description = "A page", body = Page<JobBody>)),
)]
pub async fn list(
    State(jobs): State<Arc<Jobs>>,
    caller: Caller,
    mut query: Query,
) -> Result<Json<Page<JobBody>>, ApiError> {
    let account = caller.target_account(query.account()?)?;
    let filter = Filter { status: query.take("status")?, kind: query.take("kind")? };
    let limit = query.limit()?;
    let tag = cursor_tag(account, &filter);
    let before = query.cursor::<JobId>(&tag)?;
    query.reject_unknown()?;
    let page = jobs.store.page(account, &filter, before, limit, jobs.clock.now()).await?;
    let items = page.jobs.into_iter().map(|job| JobBody::for_caller(caller.account(), job));
    Ok(Json(Page {
        items: items.collect(),
        next_cursor: page.ended_at.map(|id| Cursor { after: id.to_string() }.encode(&tag)),
    }))
}

/// Identifies the list, so that its cursors can't be used with other filters.
fn cursor_tag(account: AccountId, filter: &Filter) -> String {
    let status = filter.status.map_or("", |status| status.as_str());
    let kind = filter.kind.as_ref().map_or("", |kind| kind.as_str());
    format!("jobs {account} {status} {kind}")
}
