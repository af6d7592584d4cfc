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
    Checker,
    apply::{LeasedQuota, QuotaWork},
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
    pub(crate) leased: Vec<LeasedQuota>,
}

impl Checker {
    /// Evaluates all quotas and applies blocks and events. An error in one quota doesn't affect the
    /// others. `collected` holds open hours read at or after `began`; those of other origins are
    /// read here, if there are quotas.
    pub(crate) async fn evaluate(
        &self,
        collected: BTreeMap<Origin, Vec<OpenHour>>,
        began: Time,
    ) -> Result<Evaluated, Error> {
        let (quotas, mut known) = tokio::try_join!(self.quotas.all(), self.quotas.states())?;
        let mut heads = match quotas.is_empty() {
            true => Vec::new(),
            false => self.usage.open_hours_except(&collected.keys().cloned().collect()).await?,
        };
        heads.extend(collected.into_values().flatten());
        let quotas = quotas.into_iter().map(|quota| {
            let known = known.remove(quota.name.as_str());
            (quota, known)
        });
        let (looks, counts) =
            (quotas.collect::<Vec<_>>(), UsageTotals::new(&self.usage, &heads, began));
        let looked = stream::iter(looks).map(async |(quota, known)| {
            let name = quota.name.clone();
            let look = async { self.evaluate_quota(quota, known.transpose()?, &counts).await };
            (name, look.await)
        });
        let looked: Vec<_> = looked.buffer_unordered(MAX_CONCURRENT).collect().await;
        // The remaining states belong to deleted quotas.
        let ended = stream::iter(known).map(async |(name, known)| {
            let end = async { self.end_deleted(known?).await };
            (name, end.await)
        });
        let ended: Vec<_> = ended.buffer_unordered(MAX_CONCURRENT).collect().await;
        let mut evaluated = Evaluated::default();
        for (quota, outcome) in looked {
            match outcome {
                Ok((standing, held)) => evaluated.add(quota, &standing, held),
                Err(error) => evaluated.add_error(quota.as_str(), &error),
            }
        }
        for (quota, outcome) in ended {
            outcome.unwrap_or_else(|error| evaluated.add_error(&quota, &error));
        }
        Ok(evaluated)
    }

    /// Evaluates one quota, stores its state if it changed, and applies blocks and events.
    async fn evaluate_quota(
        &self,
        quota: Quota,
        known: Option<StoredQuotaState>,
        counts: &UsageTotals<'_>,
    ) -> Result<(QuotaState, Option<LeasedQuota>), Error> {
        let now = self.clock.now();
        let look = ReadTimes { started: counts.began, now };
        let is_busy =
            known.as_ref().is_some_and(|known| known.leased_until.is_some_and(|until| now < until));
        let before = known.as_ref().map(|known| known.state.clone());
        let mut standing = match before {
            Some(standing) if !standing.is_for(&quota) => {
                QuotaState::start(&quota, Some(standing), now)
            }
            Some(standing) if standing.is_open(now) => standing,
            Some(standing) => {
                self.close(&quota, standing, counts, look).await?.roll_over(&quota, now)
            }
            None => QuotaState::start(&quota, None, now),
        };
        let totals = counts.now(&quota.spec);
        self.add_start_totals(&quota, &mut standing, counts, now).await?;
        let standing = standing.evaluate(&quota, &totals, look);
        if is_busy {
            return Ok((standing, None));
        }
        let work = match known {
            Some(known) => QuotaWork::new(Some(quota), known),
            None => QuotaWork::first(quota),
        };
        let held = self.apply(work, standing.clone()).await?;
        Ok((standing, held))
    }

    /// Evaluates an ended period a last time, with the usage up to its end.
    async fn close(
        &self,
        quota: &Quota,
        mut standing: QuotaState,
        counts: &UsageTotals<'_>,
        look: ReadTimes,
    ) -> Result<QuotaState, Error> {
        let totals = counts.before(&quota.spec, standing.current.period.end, None).await?;
        self.add_start_totals(quota, &mut standing, counts, look.now).await?;
        Ok(standing.evaluate_ended(quota, &totals, look))
    }

    /// Adds to the state what new origins had counted at the start of the period.
    async fn add_start_totals(
        &self,
        quota: &Quota,
        standing: &mut QuotaState,
        counts: &UsageTotals<'_>,
        now: Time,
    ) -> Result<(), Error> {
        let unknown = standing.new_origins(&counts.now(&quota.spec));
        if unknown.is_empty() {
            return Ok(());
        }
        let start = standing.current.period.start;
        standing.set_start_totals(counts.before(&quota.spec, start, Some(&unknown)).await?, now);
        Ok(())
    }

    /// Ends a deleted quota: reports it as resolved and removes blocks.
    async fn end_deleted(&self, known: StoredQuotaState) -> Result<(), Error> {
        let now = self.clock.now();
        if known.leased_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        let standing = known.state.clone().close_deleted(now);
        self.apply(QuotaWork::new(None, known), standing).await.map(drop)
    }
}

impl Evaluated {
    fn add(&mut self, quota: Name, standing: &QuotaState, held: Option<LeasedQuota>) {
        self.utilization.push((quota, standing.percent()));
        self.mails_failing += standing.mails_failing();
        self.leased.extend(held);
    }

    fn add_error(&mut self, quota: &str, error: &Error) {
        self.failed += 1;
        tracing::error!(quota, cause = %error, "quota evaluation failed");
    }
}
