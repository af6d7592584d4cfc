//! Kinds.

use std::{sync::Arc, time::Duration};

use api::{KindBody, Page, Problem, parameter};
use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use model::{id::AccountId, job::Timing, kind::KindSpec, name::Name, violation::Violation};
use runtime::clock::Clock;
use schema::Schema;
use store::{AccountStore, JobStore, KindStore};
use tollgate_http::{ApiError, Caller, JsonBody, PathParam, Query};

use crate::definition::{self, Definition, version};

/// Time limit of the search for unfinished jobs of a kind.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub struct Kinds {
    pub store: Arc<KindStore>,
    pub accounts: Arc<AccountStore>,
    pub jobs: JobStore,
    pub timing: Timing,
    pub clock: Clock,
}

impl Definition for Kinds {
    const COLLECTION: &'static str = "kinds";
    type Spec = KindSpec;
    type Body = KindBody;

    async fn put(
        &self,
        name: &Name,
        JsonBody { value: spec, .. }: JsonBody<KindSpec>,
    ) -> Result<(KindBody, bool), ApiError> {
        if name.is_reserved() {
            let detail = "must not start with tollgate.".to_owned();
            return Err(Problem::InvalidParameter { name: "name", detail }.into());
        }
        let violations = violations(&spec, self.timing);
        Problem::check_body(violations)?;
        let (kind, new) = self.store.put(name, &spec, &version(), self.clock.now()).await?;
        Ok((KindBody::from(kind), new))
    }

    async fn delete(&self, name: &Name) -> Result<bool, ApiError> {
        if self.store.find(name).await?.is_none() {
            return Ok(false);
        }
        match tokio::time::timeout(SEARCH_TIMEOUT, self.has_unfinished_jobs(name)).await {
            Ok(Ok(false)) => Ok(self.store.delete(name).await?),
            Ok(Ok(true)) | Err(_) => Err(Problem::KindInUse.into()),
            Ok(Err(failure)) => Err(failure.into()),
        }
    }

    async fn get(&self, name: &Name, _: &Caller) -> Result<Option<KindBody>, ApiError> {
        Ok(self.store.find(name).await?.map(KindBody::from))
    }

    fn listed_account(_: &Caller, _: &mut Query) -> Result<Option<AccountId>, Problem> {
        Ok(None)
    }

    async fn page(
        &self,
        _: Option<AccountId>,
        after: Option<&str>,
        limit: usize,
        _: &Caller,
    ) -> Result<(Vec<KindBody>, Option<Name>), ApiError> {
        let (kinds, more) = self.store.page(after, limit).await?;
        let last = kinds.last().filter(|_| more).map(|kind| kind.name.clone());
        Ok((kinds.into_iter().map(KindBody::from).collect(), last))
    }
}

impl Kinds {
    async fn has_unfinished_jobs(&self, kind: &Name) -> Result<bool, store::Error> {
        for account in self.accounts.all().await? {
            if self.jobs.has_unfinished(account, kind).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn violations(spec: &KindSpec, timing: Timing) -> Vec<Violation> {
    let payload_schema = Schema::compile(&spec.schema)
        .map_err(|inner| Violation::new(format!("/schema{}", inner.pointer), inner.detail));
    payload_schema.err().into_iter().chain(spec.violations(timing)).collect()
}

/// Create or replace a kind.
///
/// Queued jobs use the new definition. The change takes effect within five seconds.
#[utoipa::path(
    put, path = "/v1/kinds/{name}", tag = "kinds", operation_id = "putKind",
    params(("name" = Name, Path, description = "The kind's name")),
    request_body = KindSpec,
    responses(
        (status = 200, description = "The replaced kind", body = KindBody),
        (
            status = 201, description = "The created kind", body = KindBody,
            headers(("Location" = String, description = "The kind"))
        ),
    ),
)]
pub async fn put(
    State(kinds): State<Arc<Kinds>>,
    PathParam(name): PathParam<Name>,
    query: Query,
    body: JsonBody<KindSpec>,
) -> Result<Response, ApiError> {
    definition::put(&*kinds, &name, query, body).await
}

/// Delete a kind.
///
/// Refused while jobs of this kind are queued or running, or if checking all jobs takes longer than
/// five seconds.
#[utoipa::path(
    delete, path = "/v1/kinds/{name}", tag = "kinds", operation_id = "deleteKind",
    params(("name" = Name, Path, description = "The kind's name")),
    responses(
        (status = 204, description = "The kind is deleted"),
        (
            status = 409, description = "The kind has unfinished jobs",
            body = api::ProblemBody, content_type = "application/problem+json"
        ),
    ),
)]
pub async fn delete(
    State(kinds): State<Arc<Kinds>>,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<StatusCode, ApiError> {
    definition::delete(&*kinds, &name, query).await
}

/// List the kinds by name. Any key may do so.
#[utoipa::path(
    get, path = "/v1/kinds", tag = "kinds", operation_id = "listKinds",
    params(parameter::Paging),
    responses((status = 200, description = "A page", body = Page<KindBody>)),
)]
pub async fn list(
    State(kinds): State<Arc<Kinds>>,
    caller: Caller,
    query: Query,
) -> Result<Json<Page<KindBody>>, ApiError> {
    definition::list(&*kinds, query, &caller).await
}

/// Get a kind. Any key may do so; the values of its target's headers are masked.
#[utoipa::path(
    get, path = "/v1/kinds/{name}", tag = "kinds", operation_id = "getKind",
    params(("name" = Name, Path, description = "The kind's name")),
    responses((status = 200, description = "The kind", body = KindBody)),
)]
pub async fn get(
    State(kinds): State<Arc<Kinds>>,
    caller: Caller,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<Json<KindBody>, ApiError> {
    definition::get(&*kinds, &name, query, &caller).await
}
