//! The handlers of everything that operators define by name: kinds, schedules, sources and quotas.

use api::{Cursor, Page, Problem};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{StatusCode, header};
use model::{id::AccountId, name::Name, time::Time, violation::Violation};
use serde::Serialize;
use store::AccountStore;
use tollgate_http::{ApiError, Caller, Contract, JsonBody, Query};
use uuid::Uuid;

/// A noun of the control plane.
pub trait Definition: Send + Sync {
    /// The path below `/v1/`, also the tag of its lists' cursors.
    const COLLECTION: &'static str;
    type Spec: Contract + Send;
    type Body: Serialize;

    /// Validates and stores a definition. Returns `true` if it is new.
    fn put(
        &self,
        name: &Name,
        body: JsonBody<Self::Spec>,
    ) -> impl Future<Output = Result<(Self::Body, bool), ApiError>> + Send;

    /// Returns `false` if there is no such definition.
    fn delete(&self, name: &Name) -> impl Future<Output = Result<bool, ApiError>> + Send;

    /// The definition, if the caller may see it.
    fn get(
        &self,
        name: &Name,
        caller: &Caller,
    ) -> impl Future<Output = Result<Option<Self::Body>, ApiError>> + Send;

    /// The account whose definitions a list has; `None` is all. Takes the query parameters that
    /// select it.
    fn listed_account(caller: &Caller, query: &mut Query) -> Result<Option<AccountId>, Problem>;

    /// Up to `limit` definitions after `after` by name, and the last name of the page unless the
    /// list ends there.
    fn page(
        &self,
        of: Option<AccountId>,
        after: Option<&str>,
        limit: usize,
        caller: &Caller,
    ) -> impl Future<Output = Result<(Vec<Self::Body>, Option<Name>), ApiError>> + Send;
}

/// `PUT`: 201 with the location of a new definition, else 200.
pub async fn put<D: Definition>(
    definitions: &D,
    name: &Name,
    query: Query,
    body: JsonBody<D::Spec>,
) -> Result<Response, ApiError> {
    query.reject_unknown()?;
    let (body, new) = definitions.put(name, body).await?;
    if !new {
        return Ok(Json(body).into_response());
    }
    let location = format!("/v1/{}/{name}", D::COLLECTION);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(body)).into_response())
}

pub async fn delete<D: Definition>(
    definitions: &D,
    name: &Name,
    query: Query,
) -> Result<StatusCode, ApiError> {
    query.reject_unknown()?;
    match definitions.delete(name).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::NotFound.into()),
    }
}

pub async fn get<D: Definition>(
    definitions: &D,
    name: &Name,
    query: Query,
    caller: &Caller,
) -> Result<Json<D::Body>, ApiError> {
    query.reject_unknown()?;
    Ok(Json(definitions.get(name, caller).await?.ok_or(Problem::NotFound)?))
}

pub async fn list<D: Definition>(
    definitions: &D,
    mut query: Query,
    caller: &Caller,
) -> Result<Json<Page<D::Body>>, ApiError> {
    let of = D::listed_account(caller, &mut query)?;
    let limit = query.limit()?;
    let list = match of {
        None => D::COLLECTION.to_owned(),
        Some(account) => format!("{} {account}", D::COLLECTION),
    };
    let after = query.cursor::<Name>(&list)?;
    query.reject_unknown()?;
    let after = after.as_ref().map(Name::as_str);
    let (items, last) = definitions.page(of, after, limit, caller).await?;
    let next_cursor = last.map(|name| Cursor { after: name.to_string() }.encode(&list));
    Ok(Json(Page { items, next_cursor }))
}

/// A unique version for each write of a definition.
pub fn version() -> String {
    Uuid::new_v4().simple().to_string()
}

/// The violation if the `account` of a definition doesn't exist.
pub async fn unknown_account(
    accounts: &AccountStore,
    account: Option<AccountId>,
    now: Time,
) -> Result<Option<Violation>, ApiError> {
    let Some(account) = account else { return Ok(None) };
    let known = accounts.get_cached(account, now).await?.is_some();
    Ok((!known).then(|| Violation::new("/account", "unknown account")))
}
