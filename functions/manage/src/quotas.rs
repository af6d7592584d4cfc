//! Quotas.

use std::{collections::HashMap, sync::Arc};

use api::{Page, Problem, QuotaBody, Viewer, parameter};
use axum::{Json, extract::State, response::Response};
use http::StatusCode;
use model::{id::AccountId, name::Name, quota::QuotaSpec};
use runtime::clock::Clock;
use store::{AccountStore, QuotaStore};
use tollgate_http::{ApiError, Caller, JsonBody, PathParam, Query};

use crate::definition::{self, Definition, unknown_account, version};

#[derive(Debug)]
pub struct Quotas {
    pub store: QuotaStore,
    pub accounts: Arc<AccountStore>,
    pub clock: Clock,
}

impl Definition for Quotas {
    const COLLECTION: &'static str = "quotas";
    type Spec = QuotaSpec;
    type Body = QuotaBody;

    async fn put(
        &self,
        name: &Name,
        JsonBody { value: spec, .. }: JsonBody<QuotaSpec>,
    ) -> Result<(QuotaBody, bool), ApiError> {
        let now = self.clock.now();
        let mut violations = spec.violations();
        violations.extend(unknown_account(&self.accounts, spec.account, now).await?);
        Problem::check_body(violations)?;
        let (quota, new) = self.store.put(name, &spec, &version(), now).await?;
        let state = if new { None } else { self.store.state(name).await? };
        let state = state.map(|stored| stored.state);
        Ok((QuotaBody::at(now, quota, state, Viewer::Operator), new))
    }

    async fn delete(&self, name: &Name) -> Result<bool, ApiError> {
        match self.store.find(name).await? {
            Some(quota) => {
                self.store.delete(&quota).await?;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    async fn get(&self, name: &Name, caller: &Caller) -> Result<Option<QuotaBody>, ApiError> {
        let of = caller.visible_account(None)?;
        let (quota, stored) = tokio::try_join!(self.store.find(name), self.store.state(name))?;
        let quota = quota.filter(|quota| of.is_none() || quota.spec.account == of);
        let state = stored.map(|stored| stored.state);
        Ok(quota.map(|quota| QuotaBody::at(self.clock.now(), quota, state, viewer(caller))))
    }

    fn listed_account(caller: &Caller, query: &mut Query) -> Result<Option<AccountId>, Problem> {
        caller.visible_account(query.account()?)
    }

    /// Reads the states of the page's quotas together.
    async fn page(
        &self,
        of: Option<AccountId>,
        after: Option<&str>,
        limit: usize,
        caller: &Caller,
    ) -> Result<(Vec<QuotaBody>, Option<Name>), ApiError> {
        let (quotas, last) = self.store.page(of, after, limit).await?;
        let names: Vec<_> = quotas.iter().map(|quota| quota.name.clone()).collect();
        let stored = self.store.states_of(&names).await?;
        let mut states: HashMap<_, _> =
            stored.into_iter().map(|stored| (stored.quota, stored.state)).collect();
        let now = self.clock.now();
        let bodies = quotas.into_iter().map(|quota| {
            let state = states.remove(&quota.name);
            QuotaBody::at(now, quota, state, viewer(caller))
        });
        Ok((bodies.collect(), last))
    }
}

fn viewer(caller: &Caller) -> Viewer {
    if caller.is_admin() { Viewer::Operator } else { Viewer::Tenant }
}

/// Create or replace a quota.
///
/// Quotas are evaluated every minute. When usage reaches a threshold, each recipient gets a mail
/// and the account gets the event `quota.crossed`, once per period. If several thresholds are
/// reached in the same minute, only the highest is reported. The event `quota.resolved` follows
/// when the period ends, the limit is raised or the quota is deleted.
///
/// Changes apply from the next evaluation. A new limit keeps the usage of the period: thresholds no
/// longer reached are resolved, and reported again when the usage reaches them under the new limit.
/// A new `type`, `service`, `route`, `account`, `period` or `timezone` restarts the evaluation with
/// all usage since the start of the period.
///
/// With `enforce`, new jobs and events from the account's own keys are refused with a 429 within
/// about a minute after the limit is reached. Operators' requests, schedules, usage reports,
/// repeats of accepted requests, and requests that read, cancel or configure are not affected.
#[utoipa::path(
    put, path = "/v1/quotas/{name}", tag = "quotas", operation_id = "putQuota",
    params(("name" = Name, Path, description = "The quota's name")),
    request_body = QuotaSpec,
    responses(
        (status = 200, description = "The replaced quota", body = QuotaBody),
        (
            status = 201, description = "The created quota", body = QuotaBody,
            headers(("Location" = String, description = "The quota"))
        ),
    ),
)]
pub async fn put(
    State(quotas): State<Arc<Quotas>>,
    PathParam(name): PathParam<Name>,
    query: Query,
    body: JsonBody<QuotaSpec>,
) -> Result<Response, ApiError> {
    definition::put(&*quotas, &name, query, body).await
}

/// Delete a quota.
///
/// The next evaluation, within a minute, resolves reached thresholds and accepts the account's
/// requests again.
#[utoipa::path(
    delete, path = "/v1/quotas/{name}", tag = "quotas", operation_id = "deleteQuota",
    params(("name" = Name, Path, description = "The quota's name")),
    responses((status = 204, description = "The quota is deleted")),
)]
pub async fn delete(
    State(quotas): State<Arc<Quotas>>,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<StatusCode, ApiError> {
    definition::delete(&*quotas, &name, query).await
}

/// List the quotas of the key's account by name, with their usage. Keys with `admin` list all
/// quotas.
///
/// A page may have fewer than `limit` items, or none, and not be the last; check `next_cursor`.
#[utoipa::path(
    get, path = "/v1/quotas", tag = "quotas", operation_id = "listQuotas",
    params(parameter::Paging, parameter::OfAccount),
    responses((status = 200, description = "A page", body = Page<QuotaBody>)),
)]
pub async fn list(
    State(quotas): State<Arc<Quotas>>,
    caller: Caller,
    query: Query,
) -> Result<Json<Page<QuotaBody>>, ApiError> {
    definition::list(&*quotas, query, &caller).await
}

/// Get a quota of the key's account with its usage. Keys with `admin` can get any quota.
///
/// Recipients of mails and mail failures are visible to `admin` only.
#[utoipa::path(
    get, path = "/v1/quotas/{name}", tag = "quotas", operation_id = "getQuota",
    params(("name" = Name, Path, description = "The quota's name")),
    responses((status = 200, description = "The quota", body = QuotaBody)),
)]
pub async fn get(
    State(quotas): State<Arc<Quotas>>,
    caller: Caller,
    PathParam(name): PathParam<Name>,
    query: Query,
) -> Result<Json<QuotaBody>, ApiError> {
    definition::get(&*quotas, &name, query, &caller).await
}
