use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{StreamExt, TryStreamExt, stream};
use shared::{
    aws::{Error, UsageStore},
    quota::QuotaSpec,
    time::Time,
    usage::Head,
};
use tokio::sync::OnceCell;

/// How many totals of the past are read at once.
const AT_ONCE: usize = 16;

/// A head, and when: each is read once in a run, however many quotas ask for it.
type Before = (usize, Time);

/// What was counted of all series, now and before: what quotas are measured by.
#[derive(Debug)]
pub struct Totals<'a> {
    usage: &'a UsageStore,
    heads: &'a [Head],
    before: Mutex<HashMap<Before, Arc<OnceCell<u64>>>>,
}

impl<'a> Totals<'a> {
    pub fn new(usage: &'a UsageStore, heads: &'a [Head]) -> Self {
        Self { usage, heads, before: Mutex::default() }
    }

    /// What is counted of a quota's series by now.
    pub fn now(&self, spec: &QuotaSpec) -> u64 {
        self.counted(spec).fold(0, |sum, n| sum.saturating_add(self.heads[n].total))
    }

    /// What had been counted of them at a time: a read for each series that went on since, and didn't begin in its current hour.
    pub async fn before(&self, spec: &QuotaSpec, time: Time) -> Result<u64, Error> {
        let totals = stream::iter(self.counted(spec)).map(|n| self.one_before(n, time));
        totals
            .buffer_unordered(AT_ONCE)
            .try_fold(0, async |sum: u64, total| Ok(sum.saturating_add(total)))
            .await
    }

    fn counted(&self, spec: &QuotaSpec) -> impl Iterator<Item = usize> {
        (0..self.heads.len()).filter(|n| spec.counts(&self.heads[*n].series))
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
