//! Counts reported usage.

use std::{collections::HashSet, sync::Arc};

use api::Problem;
use model::{id::AccountId, time::Time, usage::Report, violation::Violation};
use runtime::{
    clock::Clock,
    telemetry::{Metrics, Record},
};
use serde_json::Value;
use store::{AccountStore, Error, PushResult, UsageStore};
use tollgate_http::{ApiError, Caller};

use super::parse::parse;

/// Context of usage reports.
#[derive(Debug)]
pub struct Usage {
    pub store: UsageStore,
    pub accounts: Arc<AccountStore>,
    pub clock: Clock,
    pub metrics: Metrics,
}

/// Counts each event on its own. Results are in request order.
pub async fn count(
    usage: &Usage,
    caller: &Caller,
    events: &[Value],
) -> Result<Vec<Result<PushResult, Problem>>, ApiError> {
    let now = usage.clock.now();
    let parsed: Vec<_> = events.iter().map(|event| parse(event, caller, now)).collect();
    let accounts = existing_accounts(usage, caller, &parsed).await?;
    let parsed: Vec<_> = parsed
        .into_iter()
        .map(|report| report.and_then(|report| check_account(report, &accounts)))
        .collect();
    let reports: Vec<_> =
        parsed.iter().filter_map(|report| report.as_ref().ok()).cloned().collect();
    let pushed = usage.store.push(&reports, now).await;
    record_counted(&usage.metrics, &reports, &pushed, now);
    let mut pushed = pushed.into_iter();
    let results = parsed.into_iter().map(|report| match report.map(|_| pushed.next())? {
        Some(Ok(PushResult::TooManySeries)) => Err(Problem::TooManySeries),
        Some(Ok(result)) => Ok(result),
        Some(Err(error)) => {
            tracing::warn!(cause = %error, "usage report failed");
            Err(Problem::Unavailable)
        }
        None => Err(Problem::Internal),
    });
    Ok(results.collect())
}

fn record_counted(
    metrics: &Metrics,
    reports: &[Report],
    pushed: &[Result<PushResult, Error>],
    now: Time,
) {
    for (report, result) in reports.iter().zip(pushed) {
        if matches!(result, Ok(PushResult::Counted)) {
            metrics.emit(&Record::of_usage(&report.series, report.bytes), now);
        }
    }
}

/// The accounts named by the reports that exist.
async fn existing_accounts(
    usage: &Usage,
    caller: &Caller,
    parsed: &[Result<Report, Problem>],
) -> Result<HashSet<AccountId>, ApiError> {
    let ids: HashSet<_> = parsed.iter().flatten().map(|report| report.id.account).collect();
    let mut existing = HashSet::from([caller.account()]);
    for account in ids {
        if account != caller.account()
            && usage.accounts.get_cached(account, usage.clock.now()).await?.is_some()
        {
            existing.insert(account);
        }
    }
    Ok(existing)
}

fn check_account(report: Report, existing: &HashSet<AccountId>) -> Result<Report, Problem> {
    if existing.contains(&report.id.account) {
        return Ok(report);
    }
    Err(Problem::InvalidBody(vec![Violation::new("/data/account", "unknown account")]))
}
