use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{StreamExt, TryStreamExt, stream};
use model::{
    quota::{QuotaSpec, Totals},
    time::Time,
    usage::{OpenHour, Origin},
};
use store::{Error, UsageStore};
use tokio::sync::OnceCell;

/// Number of past totals read concurrently.
const MAX_CONCURRENT: usize = 16;

/// Index of an open hour, and a time. Each pair is read once per run, by whichever quota needs it
/// first.
type PastTotal = (usize, Time);

/// Totals of all series, now and at earlier times, from which quotas are evaluated.
#[derive(Debug)]
pub struct UsageTotals<'a> {
    usage: &'a UsageStore,
    open_hours: &'a [OpenHour],
    /// When reading the open hours began.
    pub began: Time,
    before: Mutex<HashMap<PastTotal, Arc<OnceCell<u64>>>>,
}

impl<'a> UsageTotals<'a> {
    pub fn new(usage: &'a UsageStore, heads: &'a [OpenHour], began: Time) -> Self {
        Self { usage, open_hours: heads, began, before: Mutex::default() }
    }

    /// The current totals of a quota's series, by origin.
    pub fn now(&self, spec: &QuotaSpec) -> Totals {
        let counted = self.of(spec).map(|n| (n, self.open_hours[n].total));
        self.sum(counted)
    }

    /// The totals of a quota's series at `time`, for all origins or those in `at`. Costs one read
    /// per series, except for series that haven't changed since or that began in their open hour.
    pub async fn before(
        &self,
        spec: &QuotaSpec,
        time: Time,
        at: Option<&[Origin]>,
    ) -> Result<Totals, Error> {
        let wanted =
            self.of(spec).filter(|n| at.is_none_or(|at| at.contains(&self.open_hours[*n].origin)));
        let wanted = wanted.map(async |n| Ok::<_, Error>((n, self.past_total(n, time).await?)));
        let counted: Vec<_> = stream::iter(wanted.collect::<Vec<_>>())
            .buffer_unordered(MAX_CONCURRENT)
            .try_collect()
            .await?;
        Ok(self.sum(counted.into_iter()))
    }

    fn of(&self, spec: &QuotaSpec) -> impl Iterator<Item = usize> {
        (0..self.open_hours.len()).filter(|n| spec.matches(&self.open_hours[*n].series))
    }

    fn sum(&self, counted: impl Iterator<Item = (usize, u64)>) -> Totals {
        let mut totals = Totals::new();
        for (n, total) in counted {
            let sum = totals.entry(self.open_hours[n].origin.clone()).or_default();
            *sum = sum.saturating_add(total);
        }
        totals
    }

    async fn past_total(&self, n: usize, time: Time) -> Result<u64, Error> {
        let head = &self.open_hours[n];
        if time < head.hour.start() && head.total_at_start() == 0 {
            return Ok(0);
        }
        let cell = {
            let mut known = self.before.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry((n, time)).or_default().clone()
        };
        cell.get_or_try_init(|| self.usage.total_before(head, time)).await.copied()
    }
}
