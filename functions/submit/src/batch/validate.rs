//! Validates the requests of a batch.

use std::collections::BTreeSet;

use api::{JobRequest, Problem};
use futures::future::{join_all, try_join_all};
use model::{id::AccountId, name::Name, time::Time};
use runtime::telemetry::Traceparent;
use serde_json::{Value, value::RawValue};
use store::KindStore;
use tollgate_http::{ApiError, Caller, Contract};

use crate::{
    error::SubmitError,
    jobs::{Jobs, NewJob, resolve_account, validate},
};

/// Who sends a batch, and when.
#[derive(Clone, Copy, Debug)]
pub struct Sender<'a> {
    pub caller: &'a Caller,
    pub trace: Option<&'a Traceparent>,
    pub now: Time,
}

/// A job request of a batch after validation.
#[derive(Debug)]
pub struct Parsed {
    pub account: AccountId,
    pub new: Result<NewJob, Problem>,
}

/// Validates each request, given as text and as JSON.
pub async fn validate_all(
    jobs: &Jobs,
    sender: Sender<'_>,
    requests: &[Box<RawValue>],
    json: &Value,
) -> Result<Vec<Parsed>, ApiError> {
    let json = json.as_array().map_or(&[][..], Vec::as_slice);
    preload_kinds(&jobs.kinds, json, sender.now).await;
    let requests = requests.iter().zip(json).enumerate();
    let parsed = requests.map(|(n, (raw, json))| validate_item(jobs, sender, n, raw.get(), json));
    try_join_all(parsed).await
}

/// Loads the kinds of the batch into the cache once, before its jobs read them concurrently.
async fn preload_kinds(kinds: &KindStore, requests: &[Value], now: Time) {
    let names = requests.iter().filter_map(|request| request["kind"].as_str()?.parse().ok());
    let names: BTreeSet<Name> = names.collect();
    join_all(names.iter().map(|name| kinds.cached(name, now))).await;
}

/// Validates the `n`-th job of a batch.
async fn validate_item(
    jobs: &Jobs,
    Sender { caller, trace, now }: Sender<'_>,
    n: usize,
    raw: &str,
    json: &Value,
) -> Result<Parsed, ApiError> {
    let prefix = format!("/jobs/{n}");
    let rejected = |problem| Ok(Parsed { account: caller.account(), new: Err(problem) });
    let request = match JobRequest::read(raw, json, &prefix) {
        Ok(request) => request,
        Err(violations) => return rejected(Problem::InvalidBody(violations)),
    };
    if let Err(problem) = caller.target_account(request.account) {
        return rejected(problem);
    }
    let account = match resolve_account(&jobs.accounts, caller, request.account, &prefix, now).await
    {
        Ok(account) => account,
        Err(SubmitError::Invalid(violations)) => return rejected(Problem::InvalidBody(violations)),
        Err(SubmitError::Other(error)) => return Err(error),
    };
    let payload = &json["payload"];
    match validate(&jobs.kinds, account, request, payload, &prefix, trace.cloned(), now).await {
        Ok(new) => Ok(Parsed { account, new: Ok(new) }),
        Err(SubmitError::Invalid(violations)) => {
            Ok(Parsed { account, new: Err(Problem::InvalidBody(violations)) })
        }
        Err(SubmitError::Other(error)) => Err(error),
    }
}
