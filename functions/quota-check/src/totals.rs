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
    pub started: Time,
    before: Mutex<HashMap<PastTotal, Arc<OnceCell<u64>>>>,
}

impl<'a> UsageTotals<'a> {
    pub fn new(usage: &'a UsageStore, open_hours: &'a [OpenHour], started: Time) -> Self {
        Self { usage, open_hours, started, before: Mutex::default() }
    }

    /// The current totals of a quota's series, by origin.
    pub fn now(&self, spec: &QuotaSpec) -> Totals {
        self.sum(self.matching(spec).map(|n| (n, self.open_hours[n].total)))
    }

    /// The totals of a quota's series at `time`, for all origins or those in `at`. Costs one read
    /// per series, except for series that haven't changed since or that began in their open hour.
    pub async fn before(
        &self,
        spec: &QuotaSpec,
        time: Time,
        at: Option<&[Origin]>,
    ) -> Result<Totals, Error> {
        let series = self.matching(spec);
        let series = series
            .filter(|n| at.is_none_or(|origins| origins.contains(&self.open_hours[*n].origin)));
        let reads = series.map(async |n| Ok::<_, Error>((n, self.past_total(n, time).await?)));
        let totals: Vec<_> = stream::iter(reads.collect::<Vec<_>>())
            .buffer_unordered(MAX_CONCURRENT)
            .try_collect()
            .await?;
        Ok(self.sum(totals.into_iter()))
    }

    /// Indices of the open hours that count towards a quota.
    fn matching(&self, spec: &QuotaSpec) -> impl Iterator<Item = usize> {
        (0..self.open_hours.len()).filter(|n| spec.matches(&self.open_hours[*n].series))
    }

    fn sum(&self, series: impl Iterator<Item = (usize, u64)>) -> Totals {
        let mut totals = Totals::new();
        for (n, total) in series {
            let sum = totals.entry(self.open_hours[n].origin.clone()).or_default();
            *sum = sum.saturating_add(total);
        }
        totals
    }

    async fn past_total(&self, n: usize, time: Time) -> Result<u64, Error> {
        let open_hour = &self.open_hours[n];
        if time < open_hour.hour.start() && open_hour.total_at_start() == 0 {
            return Ok(0);
        }
        let cell = {
            let mut cells = self.before.lock().unwrap_or_else(PoisonError::into_inner);
            cells.entry((n, time)).or_default().clone()
        };
        cell.get_or_try_init(|| self.usage.total_before(open_hour, time)).await.copied()
    }
}
