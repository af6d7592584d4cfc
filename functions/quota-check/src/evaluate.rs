//! Evaluates quotas and derives the necessary actions.

use std::collections::BTreeMap;

use futures::{StreamExt, stream};
use shared::{
    aws::{Error, Known},
    name::Name,
    quota::{Look, Quota, Standing},
    time::Time,
    usage::{Head, Origin},
};

use crate::{
    Checker,
    counts::Counts,
    settle::{Held, Work},
};

/// Number of quotas handled concurrently.
const AT_ONCE: usize = 16;

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
    pub(crate) held: Vec<Held>,
}

impl Checker {
    /// Evaluates all quotas and applies blocks and events. An error in one quota doesn't affect the
    /// others. `collected` holds open hours read at or after `began`; those of other origins are
    /// read here, if there are quotas.
    pub(crate) async fn evaluate(
        &self,
        collected: BTreeMap<Origin, Vec<Head>>,
        began: Time,
    ) -> Result<Evaluated, Error> {
        let (quotas, mut known) = tokio::try_join!(self.quotas.all(), self.quotas.standings())?;
        let mut heads = match quotas.is_empty() {
            true => Vec::new(),
            false => self.usage.heads_beside(&collected.keys().cloned().collect()).await?,
        };
        heads.extend(collected.into_values().flatten());
        let quotas = quotas.into_iter().map(|quota| {
            let known = known.remove(quota.name.as_str());
            (quota, known)
        });
        let (looks, counts) = (quotas.collect::<Vec<_>>(), Counts::new(&self.usage, &heads, began));
        let looked = stream::iter(looks).map(async |(quota, known)| {
            let name = quota.name.clone();
            let look = async { self.look(quota, known.transpose()?, &counts).await };
            (name, look.await)
        });
        let looked: Vec<_> = looked.buffer_unordered(AT_ONCE).collect().await;
        // The remaining states belong to deleted quotas.
        let ended = stream::iter(known).map(async |(name, known)| {
            let end = async { self.end(known?).await };
            (name, end.await)
        });
        let ended: Vec<_> = ended.buffer_unordered(AT_ONCE).collect().await;
        let mut evaluated = Evaluated::default();
        for (quota, outcome) in looked {
            match outcome {
                Ok((standing, held)) => evaluated.note(quota, &standing, held),
                Err(error) => evaluated.fail(quota.as_str(), &error),
            }
        }
        for (quota, outcome) in ended {
            outcome.unwrap_or_else(|error| evaluated.fail(&quota, &error));
        }
        Ok(evaluated)
    }

    /// Evaluates one quota, stores its state if it changed, and applies blocks and events.
    async fn look(
        &self,
        quota: Quota,
        known: Option<Known>,
        counts: &Counts<'_>,
    ) -> Result<(Standing, Option<Held>), Error> {
        let now = self.clock.now();
        let look = Look { began: counts.began, now };
        let is_busy =
            known.as_ref().is_some_and(|known| known.leased_until.is_some_and(|until| now < until));
        let before = known.as_ref().map(|known| known.standing.clone());
        let mut standing = match before {
            Some(standing) if !standing.is_of(&quota) => {
                Standing::begin(&quota, Some(standing), now)
            }
            Some(standing) if standing.goes_on(now) => standing,
            Some(standing) => self.close(&quota, standing, counts, look).await?.turn(&quota, now),
            None => Standing::begin(&quota, None, now),
        };
        let totals = counts.now(&quota.spec);
        self.tell_start(&quota, &mut standing, counts, now).await?;
        let standing = standing.look(&quota, &totals, look);
        if is_busy {
            return Ok((standing, None));
        }
        let work = match known {
            Some(known) => Work::new(Some(quota), known),
            None => Work::first(quota),
        };
        let held = self.settle(work, standing.clone()).await?;
        Ok((standing, held))
    }

    /// Evaluates an ended period a last time, with the usage up to its end.
    async fn close(
        &self,
        quota: &Quota,
        mut standing: Standing,
        counts: &Counts<'_>,
        look: Look,
    ) -> Result<Standing, Error> {
        let totals = counts.before(&quota.spec, standing.current.period.end, None).await?;
        self.tell_start(quota, &mut standing, counts, look.now).await?;
        Ok(standing.last_look(quota, &totals, look))
    }

    /// Adds to the state what new origins had counted at the start of the period.
    async fn tell_start(
        &self,
        quota: &Quota,
        standing: &mut Standing,
        counts: &Counts<'_>,
        now: Time,
    ) -> Result<(), Error> {
        let unknown = standing.unknown(&counts.now(&quota.spec));
        if unknown.is_empty() {
            return Ok(());
        }
        let start = standing.current.period.start;
        standing.tell_start(counts.before(&quota.spec, start, Some(&unknown)).await?, now);
        Ok(())
    }

    /// Ends a deleted quota: reports it as resolved and removes blocks.
    async fn end(&self, known: Known) -> Result<(), Error> {
        let now = self.clock.now();
        if known.leased_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        let standing = known.standing.clone().end(now);
        self.settle(Work::new(None, known), standing).await.map(drop)
    }
}

impl Evaluated {
    fn note(&mut self, quota: Name, standing: &Standing, held: Option<Held>) {
        self.utilization.push((quota, standing.percent()));
        self.mails_failing += standing.mails_failing();
        self.held.extend(held);
    }

    fn fail(&mut self, quota: &str, error: &Error) {
        self.failed += 1;
        tracing::error!(quota, cause = %error, "quota evaluation failed");
    }
}
