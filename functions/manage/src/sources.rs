//! Usage sources.

use std::sync::Arc;

use api::{Page, Problem, SourceBody, parameter};
use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use model::{
    id::AccountId,
    name::Name,
    usage::{Source, SourceSpec, SourceState},
};
use runtime::clock::Clock;
use store::{AccountStore, SourceStore};
use tollgate_http::{ApiError, Caller, JsonBody, PathParam, Query};

use crate::definition::{self, Definition, unknown_account, version};

#[derive(Debug)]
pub struct Sources {
    pub store: SourceStore,
    pub accounts: Arc<AccountStore>,
    pub clock: Clock,
}

impl Definition for Sources {
    const COLLECTION: &'static str = "sources";
    type Spec = SourceSpec;
    type Body = SourceBody;

    async fn put(
        &self,
        name: &Name,
        JsonBody { value: spec, .. }: JsonBody<SourceSpec>,
    ) -> Result<(SourceBody, bool), ApiError> {
        let now = self.clock.now();
        let mut violations = spec.violations();
        violations.extend(unknown_account(&self.accounts, spec.account(), now).await?);
        Problem::check_body(violations)?;
        let (source, new) = self.store.put(name, &spec, &version(), now).await?;
        let state = match new {
            true => SourceState::default(),
            false => self.store.find(name).await?.map(|(_, state)| state).unwrap_or_default(),
        };
        Ok((SourceBody::for_operator((source, state)), new))
    }

    async fn delete(&self, name: &Name) -> Result<bool, ApiError> {
        Ok(self.store.delete(name, self.clock.now()).await?)
    }

    async fn get(&self, name: &Name, caller: &Caller) -> Result<Option<SourceBody>, ApiError> {
        let of = caller.visible_account(None)?;
        let found = self.store.find(name).await?.filter(|(source, _)| is_visible(source, of));
        Ok(found.map(body_for(caller)))
    }

    fn listed_account(caller: &Caller, _: &mut Query) -> Result<Option<AccountId>, Problem> {
        caller.visible_account(None)
    }

    async fn page(
        &self,
        of: Option<AccountId>,
        after: Option<&str>,
        limit: usize,
        caller: &Caller,
    ) -> Result<(Vec<SourceBody>, Option<Name>), ApiError> {
        let (found, more) = match of {
            None => self.store.page(after, limit).await?,
            Some(_) => self.page_of_account(of, after, limit).await?,
        };
        let last = found.last().filter(|_| more).map(|(source, _)| source.name.clone());
        Ok((found.into_iter().map(body_for(caller)).collect(), last))
    }
}

impl Sources {
    /// Sources are few and mostly operators', so all are read.
    async fn page_of_account(
        &self,
        of: Option<AccountId>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<(Source, SourceState)>, bool), store::Error> {
        let mut own = self.store.all().await?;
        own.retain(|(source, _)| {
            is_visible(source, of) && after.is_none_or(|after| source.name.as_str() > after)
        });
        let more = own.len() > limit;
        own.truncate(limit);
        Ok((own, more))
    }
}

fn is_visible(source: &Source, of: Option<AccountId>) -> bool {
    of.is_none() || source.spec.account() == of
}

fn body_for(caller: &Caller) -> fn((Source, SourceState)) -> SourceBody {
    if caller.is_admin() { SourceBody::for_operator } else { SourceBody::for_tenant }
}

/// Create or replace a usage source.
///
/// The source is collected every minute, starting with the next one. Counter values from before the
/// first collection don't count; only increases do, including those after a counter reset. A
/// changed definition resets the source's counters; an unchanged one does not.
#[utoipa::path(
    put, path = "/v1/sources/{name}", tag = "usage", operation_id = "putSource",
    params(("name" = Name, Path, description = "The source's name")),
    request_body = SourceSpec,
    responses(
        (status = 200, description = "The replaced source", body = SourceBody),
        (
            status = 201, description = "The created source", body = SourceBody,
            headers(("Location" = String, description = "The source"))
        ),
    ),
)]
pub async fn put(
    State(sources): State<Arc<Sources>>,
    PathParam(name): PathParam<Name>,
    query: Query,
    body: JsonBody<SourceSpec>,
) -> Result<Response, ApiError> {
    definition::put(&*sources, &name, query, body).await
}

/// Delete a source.
///
/// Usage already counted is kept.
#[utoipa::path(
    delete, path = "/v1/sources/{name}", tag = "usage", operation_id = "deleteSource",
    params(("name" = Name, Path, description = "The source's name")),
    responses((status = 204, description = "The source is deleted")),
)]
pub async fn delete(
    State(sources): State<Arc<Sources>>,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<StatusCode, ApiError> {
    definition::delete(&*sources, &name, query).await
}

/// List the usage sources of the key's account by name. Keys with `admin` list all sources.
///
/// Addresses and request details of sources are visible to `admin` only.
///
/// A page may have fewer than `limit` items, or none, and not be the last; check `next_cursor`.
#[utoipa::path(
    get, path = "/v1/sources", tag = "usage", operation_id = "listSources",
    params(parameter::Paging),
    responses((status = 200, description = "A page", body = Page<SourceBody>)),
)]
pub async fn list(
    State(sources): State<Arc<Sources>>,
    caller: Caller,
    query: Query,
) -> Result<Json<Page<SourceBody>>, ApiError> {
    definition::list(&*sources, query, &caller).await
}

/// Get a usage source of the key's account. Keys with `admin` can get any source.
///
/// Its address and request details are visible to `admin` only.
#[utoipa::path(
    get, path = "/v1/sources/{name}", tag = "usage", operation_id = "getSource",
    params(("name" = Name, Path, description = "The source's name")),
    responses((status = 200, description = "The source", body = SourceBody)),
)]
pub async fn get(
    State(sources): State<Arc<Sources>>,
    caller: Caller,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<Json<SourceBody>, ApiError> {
    definition::get(&*sources, &name, query, &caller).await
}
