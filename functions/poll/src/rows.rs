//! `GET /v1/tables/{table}/rows`.

use std::sync::Arc;

use api::{Cursor, Page, Problem, RowBody, parameter};
use axum::{Json, extract::State};
use model::records::Identifier;
use store::RowStore;
use tollgate_http::{ApiError, Caller, PathParam, Query};

/// List the rows of a table, as written by jobs with the target `records`.
///
/// After such a job is completed, its rows are listed. Rows are sorted by the bytes of their key,
/// so 10 precedes 9. Tables need no definition; an unknown table is an empty list.
#[utoipa::path(
    get, path = "/v1/tables/{table}/rows", tag = "tables", operation_id = "listRows",
    params(
        ("table" = Identifier, Path, description = "The table's name, case-sensitive"),
        parameter::Paging,
        (
            "account" = Option<parameter::AccountId>, Query,
            description = "The table's account; defaults to the key's account. Others require \
                `admin`."
        ),
    ),
    responses((status = 200, description = "A page", body = Page<RowBody>)),
)]
pub async fn list(
    State(rows): State<Arc<RowStore>>,
    caller: Caller,
    PathParam(table): PathParam<Identifier>,
    mut query: Query,
) -> Result<Json<Page<RowBody>>, ApiError> {
    let account = caller.target_account(query.account()?)?;
    let limit = query.limit()?;
    let tag = format!("rows {account} {table}");
    let after = query.cursor::<String>(&tag)?;
    query.reject_unknown()?;
    let page = rows.page(account, &table, after.as_deref(), limit).await?;
    let items = page.rows.into_iter().map(RowBody::try_from).collect::<Result<_, _>>();
    Ok(Json(Page {
        items: items.map_err(|_| Problem::Internal)?,
        next_cursor: page.ended_at.map(|after| Cursor { after }.encode(&tag)),
    }))
}
