//! How quotas stand, and what is to be done about it.

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
    /// Those of which mails are due.
    pub(crate) held: Vec<Held>,
}

impl Checker {
    /// Looks how all quotas stand, and does what takes effect: blocks and events. A quota that can't be seen to doesn't keep the others. The
    /// heads at some origins are known since `began`, or after it; those at others are read, if there are quotas.
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
        // What is left has no quota any more.
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

    /// How a quota stands now, written if it changed; and what takes effect, done.
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

    /// Looks at a period that is over for the last time: at what was used up to its end.
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

    /// Tells a standing what had been counted at origins that are new to it when its period began.
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

    /// What is left of a quota that is gone: until everything is told and lifted.
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
        tracing::error!(quota, cause = %error, "a quota could not be seen to");
    }
}
