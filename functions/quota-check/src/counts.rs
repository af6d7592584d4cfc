use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{StreamExt, TryStreamExt, stream};
use shared::{
    aws::{Error, UsageStore},
    quota::{QuotaSpec, Totals},
    time::Time,
    usage::{Head, Origin},
};
use tokio::sync::OnceCell;

/// Number of past totals read concurrently.
const AT_ONCE: usize = 16;

/// Index of an open hour, and a time. Each pair is read once per run, by whichever quota needs it
/// first.
type Before = (usize, Time);

/// Totals of all series, now and at earlier times, from which quotas are evaluated.
#[derive(Debug)]
pub struct Counts<'a> {
    usage: &'a UsageStore,
    heads: &'a [Head],
    /// When reading the open hours began.
    pub began: Time,
    before: Mutex<HashMap<Before, Arc<OnceCell<u64>>>>,
}

impl<'a> Counts<'a> {
    pub fn new(usage: &'a UsageStore, heads: &'a [Head], began: Time) -> Self {
        Self { usage, heads, began, before: Mutex::default() }
    }

    /// The current totals of a quota's series, by origin.
    pub fn now(&self, spec: &QuotaSpec) -> Totals {
        let counted = self.of(spec).map(|n| (n, self.heads[n].total));
        self.add_up(counted)
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
            self.of(spec).filter(|n| at.is_none_or(|at| at.contains(&self.heads[*n].origin)));
        let wanted = wanted.map(async |n| Ok::<_, Error>((n, self.one_before(n, time).await?)));
        let counted: Vec<_> = stream::iter(wanted.collect::<Vec<_>>())
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(self.add_up(counted.into_iter()))
    }

    fn of(&self, spec: &QuotaSpec) -> impl Iterator<Item = usize> {
        (0..self.heads.len()).filter(|n| spec.counts(&self.heads[*n].series))
    }

    fn add_up(&self, counted: impl Iterator<Item = (usize, u64)>) -> Totals {
        let mut totals = Totals::new();
        for (n, total) in counted {
            let sum = totals.entry(self.heads[n].origin.clone()).or_default();
            *sum = sum.saturating_add(total);
        }
        totals
    }

    async fn one_before(&self, n: usize, time: Time) -> Result<u64, Error> {
        let head = &self.heads[n];
        if time < head.hour.start() && head.before() == 0 {
            return Ok(0);
        }
        let cell = {
            let mut known = self.before.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry((n, time)).or_default().clone()
        };
        cell.get_or_try_init(|| self.usage.total_before(head, time)).await.copied()
    }
}
