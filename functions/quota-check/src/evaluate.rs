//! Evaluates quotas and derives the necessary actions.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use model::{
    name::Name,
    quota::{Quota, QuotaState, ReadTimes},
    time::Time,
    usage::{OpenHour, Origin},
};
use store::{Error, StoredQuotaState};

use crate::{
    apply::apply,
    quota_work::{LeasedQuota, QuotaWork},
    quotas::Quotas,
    totals::UsageTotals,
};

/// Number of quotas handled concurrently.
const MAX_CONCURRENT: usize = 16;

/// Result of evaluating all quotas.
#[derive(Debug, Default)]
pub struct Evaluated {
    /// Usage of each quota in percent of its limit.
    pub utilization: Vec<(Name, f64)>,
    /// Number of mails waiting for a retry.
    pub mails_failing: usize,
    /// Number of quotas that could not be evaluated or updated.
    pub failed: usize,
    /// Quotas with mails due.
    pub leased: Vec<LeasedQuota>,
}

/// Evaluates all quotas and applies blocks and events. An error in one quota doesn't affect the
/// others. `collected` holds open hours read at or after `started`; those of other origins are read
/// here, if there are quotas.
pub async fn evaluate(
    quotas: &Quotas,
    collected: BTreeMap<Origin, Vec<OpenHour>>,
    started: Time,
) -> Result<Evaluated, Error> {
    let (defined, mut states) = tokio::try_join!(quotas.store.all(), quotas.store.states())?;
    let mut open_hours = match defined.is_empty() {
        true => Vec::new(),
        false => quotas.usage.open_hours_except(&collected.keys().cloned().collect()).await?,
    };
    open_hours.extend(collected.into_values().flatten());
    let totals = UsageTotals::new(&quotas.usage, &open_hours, started);
    let defined: Vec<_> = defined
        .into_iter()
        .map(|quota| {
            let stored = states.remove(quota.name.as_str());
            (quota, stored)
        })
        .collect();
    let results = stream::iter(defined).map(async |(quota, stored)| {
        let name = quota.name.clone();
        let result = async { evaluate_quota(quotas, quota, stored.transpose()?, &totals).await };
        (name, result.await)
    });
    let results: Vec<_> = results.buffer_unordered(MAX_CONCURRENT).collect().await;
    // The remaining states belong to deleted quotas.
    let ended = stream::iter(states).map(async |(name, stored)| {
        let result = async { end_deleted(quotas, stored?).await };
        (name, result.await)
    });
    let ended: Vec<_> = ended.buffer_unordered(MAX_CONCURRENT).collect().await;
    let mut evaluated = Evaluated::default();
    for (quota, result) in results {
        match result {
            Ok((state, leased)) => evaluated.add(quota, &state, leased),
            Err(error) => evaluated.add_error(quota.as_str(), &error),
        }
    }
    for (quota, result) in ended {
        result.unwrap_or_else(|error| evaluated.add_error(&quota, &error));
    }
    Ok(evaluated)
}

/// Evaluates one quota, stores its state if it changed, and applies blocks and events.
async fn evaluate_quota(
    quotas: &Quotas,
    quota: Quota,
    stored: Option<StoredQuotaState>,
    totals: &UsageTotals<'_>,
) -> Result<(QuotaState, Option<LeasedQuota>), Error> {
    let now = quotas.clock.now();
    let times = ReadTimes { started: totals.started, now };
    let is_leased =
        stored.as_ref().is_some_and(|stored| stored.leased_until.is_some_and(|until| now < until));
    let before = stored.as_ref().map(|stored| stored.state.clone());
    let mut state = match before {
        Some(state) if !state.is_for(&quota) => QuotaState::start(&quota, Some(state), now),
        Some(state) if state.is_open(now) => state,
        Some(state) => close(&quota, state, totals, times).await?.roll_over(&quota, now),
        None => QuotaState::start(&quota, None, now),
    };
    let current = totals.now(&quota.spec);
    add_start_totals(&quota, &mut state, totals, now).await?;
    let state = state.evaluate(&quota, &current, times);
    if is_leased {
        return Ok((state, None));
    }
    let work = match stored {
        Some(stored) => QuotaWork::new(Some(quota), stored),
        None => QuotaWork::first(quota),
    };
    let leased = apply(quotas, work, state.clone()).await?;
    Ok((state, leased))
}

/// Evaluates an ended period a last time, with the usage up to its end.
async fn close(
    quota: &Quota,
    mut state: QuotaState,
    totals: &UsageTotals<'_>,
    times: ReadTimes,
) -> Result<QuotaState, Error> {
    let at_end = totals.before(&quota.spec, state.current.period.end, None).await?;
    add_start_totals(quota, &mut state, totals, times.now).await?;
    Ok(state.evaluate_ended(quota, &at_end, times))
}

/// Adds to the state what new origins had counted at the start of the period.
async fn add_start_totals(
    quota: &Quota,
    state: &mut QuotaState,
    totals: &UsageTotals<'_>,
    now: Time,
) -> Result<(), Error> {
    let new_origins = state.new_origins(&totals.now(&quota.spec));
    if new_origins.is_empty() {
        return Ok(());
    }
    let start = state.current.period.start;
    state.set_start_totals(totals.before(&quota.spec, start, Some(&new_origins)).await?, now);
    Ok(())
}

/// Ends a deleted quota: reports it as resolved and removes blocks.
async fn end_deleted(quotas: &Quotas, stored: StoredQuotaState) -> Result<(), Error> {
    let now = quotas.clock.now();
    if stored.leased_until.is_some_and(|until| now < until) {
        return Ok(());
    }
    let state = stored.state.clone().close_deleted(now);
    apply(quotas, QuotaWork::new(None, stored), state).await.map(drop)
}

impl Evaluated {
    fn add(&mut self, quota: Name, state: &QuotaState, leased: Option<LeasedQuota>) {
        self.utilization.push((quota, state.percent()));
        self.mails_failing += state.mails_failing();
        self.leased.extend(leased);
    }

    fn add_error(&mut self, quota: &str, error: &Error) {
        self.failed += 1;
        tracing::error!(quota, cause = %error, "quota evaluation failed");
    }
}
