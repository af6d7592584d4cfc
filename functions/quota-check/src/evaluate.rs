//! How quotas stand, and what is to be done about it.

use std::collections::{BTreeMap, HashMap};

use futures::{StreamExt, stream};
use shared::{
    aws::{Error, Known},
    name::Name,
    quota::{Quota, Standing},
    usage::{Head, Origin},
};

use crate::{Checker, settle::Work, totals::Totals};

/// How many quotas are seen to at once.
const AT_ONCE: usize = 16;

/// What a look at all quotas came to.
#[derive(Debug, Default)]
pub struct Evaluated {
    /// How much of each quota is used, in percent.
    pub utilization: Vec<(Name, f64)>,
    /// How many mails wait to be sent after a failure.
    pub mails_failing: usize,
    /// How many quotas could not be seen to.
    pub failed: usize,
}

impl Checker {
    /// Looks how all quotas stand, and does what is to be done. A quota that can't be seen to doesn't keep the others. The heads at some
    /// origins are known already; those at others are read, if there are quotas.
    pub(crate) async fn evaluate(&self, collected: BTreeMap<Origin, Vec<Head>>) -> Result<Evaluated, Error> {
        let (quotas, known) = tokio::try_join!(self.quotas.all(), self.quotas.standings())?;
        let mut heads = match quotas.is_empty() {
            true => Vec::new(),
            false => self.usage.heads_beside(&collected.keys().cloned().collect()).await?,
        };
        heads.extend(collected.into_values().flatten());
        let mut known: HashMap<_, _> = known.into_iter().map(|known| (known.quota.clone(), known)).collect();
        let quotas = quotas.into_iter().map(|quota| {
            let known = known.remove(&quota.name);
            (quota, known)
        });
        let (looks, totals) = (quotas.collect::<Vec<_>>(), Totals::new(&self.usage, &heads));
        let looked = stream::iter(looks).map(async |(quota, known)| {
            let outcome = self.look(&quota, known, &totals).await;
            (quota.name, outcome)
        });
        let looked: Vec<_> = looked.buffer_unordered(AT_ONCE).collect().await;
        // What is left has no quota any more.
        let ended =
            stream::iter(known.into_values()).map(async |known| (known.quota.clone(), self.end(known).await));
        let ended: Vec<_> = ended.buffer_unordered(AT_ONCE).collect().await;
        let mut evaluated = Evaluated::default();
        for (quota, outcome) in looked.into_iter().chain(ended) {
            match outcome {
                Ok(Some(standing)) => evaluated.note(quota, &standing),
                Ok(None) => {}
                Err(error) => {
                    evaluated.failed += 1;
                    tracing::error!(%quota, cause = %error, "a quota could not be seen to");
                }
            }
        }
        Ok(evaluated)
    }

    /// How a quota stands now, written if it changed; and what is to be done, done.
    async fn look(
        &self,
        quota: &Quota,
        known: Option<Known>,
        totals: &Totals<'_>,
    ) -> Result<Option<Standing>, Error> {
        let now = self.clock.now();
        let is_busy = known.as_ref().is_some_and(|known| known.leased_until.is_some_and(|until| now < until));
        let before = known.as_ref().map(|known| &known.standing);
        let begun = match before.filter(|standing| standing.goes_on(quota, now)) {
            Some(standing) => standing.clone(),
            None => {
                let start = quota.spec.period.at(&quota.spec.zone(), now).start;
                Standing::begin(quota, totals.before(&quota.spec, start).await?, before.cloned(), now)
            }
        };
        let standing = begun.look(quota, totals.now(&quota.spec), now);
        if !is_busy {
            self.settle(Work::new(Some(quota), quota.name.clone(), known), standing.clone()).await?;
        }
        Ok(Some(standing))
    }

    /// What is left of a quota that is gone: until everything is told and lifted.
    async fn end(&self, known: Known) -> Result<Option<Standing>, Error> {
        let now = self.clock.now();
        if known.leased_until.is_some_and(|until| now < until) {
            return Ok(None);
        }
        let standing = known.standing.clone().end(now);
        self.settle(Work::new(None, known.quota.clone(), Some(known)), standing).await?;
        Ok(None)
    }
}

impl Evaluated {
    fn note(&mut self, quota: Name, standing: &Standing) {
        self.utilization.push((quota, standing.percent()));
        let mails = standing.alerts.iter().flat_map(|alert| &alert.mails);
        self.mails_failing += mails.filter(|mail| mail.sent_at.is_none() && mail.error.is_some()).count();
    }
}
