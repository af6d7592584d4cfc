//! `GET /v1/tables/{table}/rows`.

use std::sync::Arc;

use axum::{Json, extract::State};
use shared::{
    api::{AnyProblem, Cursor, Page, Problem, RowBody, parameter},
    gate::{Caller, Failure, Named, Query},
    records::Identifier,
};

use crate::App;

/// List a table's rows, as jobs of kinds with the target `records` left them.
///
/// Whoever saw such a job completed finds its rows here. They come by the text of their key, byte by byte: 10 before 9. A table needs no
/// definition, so one without rows is an empty list.
#[utoipa::path(
    get, path = "/v1/tables/{table}/rows", tag = "tables", operation_id = "listRows",
    security(("key" = ["jobs:read"])),
    params(
        ("table" = Identifier, Path, description = "The table's name; its case counts"),
        ("limit" = Option<u8>, Query, minimum = 1, maximum = 100, description = "How many, 20 if nothing is said"),
        ("cursor" = Option<parameter::Cursor>, Query, description = "The `next_cursor` of the page before"),
        ("account" = Option<parameter::AccountId>, Query, description = "Whose table, if not the key's account's. Only for `admin`."),
    ),
    responses((status = 200, description = "A page", body = Page<RowBody>), AnyProblem),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Named(table): Named<Identifier>,
    mut query: Query,
) -> Result<Json<Page<RowBody>>, Failure> {
    let account = caller.acting_for(query.account()?)?;
    let limit = query.limit()?;
    let list = format!("rows {account} {table}");
    let after = query.cursor::<String>(&list)?;
    query.end()?;
    let page = app.rows.page(account, &table, after.as_deref(), limit).await?;
    let items = page.rows.into_iter().map(RowBody::try_from).collect::<Result<_, _>>();
    Ok(Json(Page {
        items: items.map_err(|_| Problem::Internal)?,
        next_cursor: page.ended_at.map(|after| Cursor { after }.encode(&list)),
    }))
}
