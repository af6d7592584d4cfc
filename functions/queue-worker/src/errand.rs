//! What a batch's messages are used for: settled before any of them is worked on, since permits of one kind share an agenda and the jobs
//! of one account its slots.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use futures::future::{join_all, try_join_all};
use shared::{
    aws::{self, CachedKind, Listing, Outgoing, Slot},
    id::{AccountId, JobId},
    job::{JobMessage, Message, agenda},
    kind::{Discipline, Rank},
    name::Name,
    time::Time,
};

use crate::{Worker, crowd::Crowd, record::Delivery, report::Report};

/// What a job's message is used for.
#[derive(Debug)]
pub struct Errand {
    pub what: What,
    /// The account's slots, if it has a cap.
    pub crowd: Option<Arc<Crowd>>,
}

#[derive(Debug)]
pub enum What {
    /// To run its own job.
    Own,
    /// To run the best job that is due: this one, or another of its agenda if a worker elsewhere was quicker.
    Best(JobId, Arc<Agenda>),
    /// Nothing: this becomes of it.
    Nothing(Report),
}

/// What is due of an account's jobs of a kind.
#[derive(Debug)]
pub struct Agenda {
    account: AccountId,
    kind: Name,
    ranks: HashMap<JobId, Rank>,
    /// Whether other workers are about.
    shared: bool,
    /// Among how many of the next best a job is chosen by lot: what is in flight, so that an order is off by no more.
    within: usize,
    reserve: Mutex<Vec<JobId>>,
}

impl Agenda {
    /// Another job to try. Where other workers are about, or the last one was `held` by one, by lot: they reach for the next best, too. A worker
    /// that is alone only met an index that is behind, and takes the next best.
    pub fn next(&self, held: bool) -> Option<JobId> {
        let mut reserve = self.reserve.lock().unwrap_or_else(PoisonError::into_inner);
        match reserve.len() {
            0 => None,
            left if held || self.shared => Some(reserve.remove(rand::random_range(0..left.min(self.within)))),
            _ => Some(reserve.remove(0)),
        }
    }

    /// Where a job is on it.
    pub fn listing(&self, job: JobId) -> Option<Listing> {
        let rank = self.ranks.get(&job).cloned()?;
        Some(Listing::new(self.account, &self.kind, rank))
    }
}

/// The most that workers spread out over an agenda.
pub const WIDEST: usize = 64;
/// How many portions of an agenda are read at least: one is what a batch needs, the others are for when other workers are quicker. With ten
/// workers and targets that take no time, fewer make for more claims in vain, and more for a looser order.
const PORTIONS: usize = 8;
/// How many of its own jobs a worker remembers: some batches.
const REMEMBERED: usize = 50;
/// For how long it counts how many jobs were seen to run.
const CURRENT: Duration = Duration::from_secs(1);

/// A message that has to wait for one of its account's slots: anything up to a ceiling that doubles each time, half a minute at most, so that
/// a long line doesn't ask all the time and a short one isn't kept waiting.
pub fn wait_for_slot(message: &JobMessage, delivery: &Delivery, now: Time) -> Report {
    if message.spare {
        return Report::done();
    }
    let ceiling = 30.0f64.min(2.0f64.powi(i32::from(message.looks) + 1));
    let pause = Duration::from_secs_f64((ceiling * rand::random::<f64>()).ceil().max(1.0));
    // Waiting isn't looking: what is let in has a look left, however long it waited.
    let looks = (message.looks + 1).min(agenda::LOOKS - 1);
    again(JobMessage { looks, ..message.clone() }, now + pause, delivery)
}

/// A permit that found nothing to run looks again later, or has looked often enough.
pub fn idle(message: &JobMessage, in_sight: bool, delivery: &Delivery, now: Time) -> Report {
    match agenda::look_again(message.looks, in_sight) {
        Some(pause) => {
            again(JobMessage { looks: message.looks + 1, ..message.clone() }, now + pause, delivery)
        }
        None => Report::done(),
    }
}

/// The message in place of the delivered one, at `due`.
pub fn again(message: JobMessage, due: Time, delivery: &Delivery) -> Report {
    Report::sends(Outgoing::at(message, due, delivery.trace.clone()))
}

type Jobs<'a> = Vec<(usize, &'a JobMessage, &'a Delivery)>;
type Errands = Vec<(usize, Errand)>;

impl Worker {
    /// Decides for each delivery that is a job's; `None` for the others.
    pub(crate) async fn errands(&self, deliveries: &[Delivery]) -> Vec<Option<Errand>> {
        let now = self.clock.now();
        let mut errands: Vec<Option<Errand>> = deliveries.iter().map(|_| None).collect();
        let mut due: Jobs<'_> = Vec::new();
        for (n, delivery) in deliveries.iter().enumerate() {
            let Ok(Message::Job(message)) = &delivery.message else { continue };
            if delivery.dead {
                continue;
            }
            match message.due {
                // Part of a longer way.
                Some(until) if until > now => {
                    errands[n] = Some(Errand::none(again(message.clone(), until, delivery)));
                }
                _ => due.push((n, message, delivery)),
            }
        }
        let accounts = by(due, |message| message.account).into_iter();
        let decided = join_all(accounts.map(|(account, jobs)| self.errands_of(account, jobs, now))).await;
        for (n, errand) in decided.into_iter().flatten() {
            errands[n] = Some(errand);
        }
        errands
    }

    async fn errands_of(&self, account: AccountId, jobs: Jobs<'_>, now: Time) -> Errands {
        let crowd = match self.slots(account, jobs.len(), now).await {
            Ok(None) => None,
            Ok(Some(slots)) if !slots.is_empty() => Some(Crowd::new(slots)),
            Ok(Some(_)) => return all(jobs, |message, delivery| wait_for_slot(message, delivery, now)),
            Err(error) => {
                tracing::error!(%account, cause = %error, "an account's slots could not be read");
                return all(jobs, |_, delivery| Report::after_outage(delivery, now));
            }
        };
        let kinds = by(jobs, |message| message.kind.clone()).into_iter();
        let decided =
            kinds.map(async |(kind, jobs)| self.order(account, &kind, jobs, crowd.as_ref(), now).await);
        join_all(decided).await.into_iter().flatten().collect()
    }

    /// The free slots of an account that has a cap.
    async fn slots(
        &self,
        account: AccountId,
        wanted: usize,
        now: Time,
    ) -> Result<Option<Vec<Slot>>, aws::Error> {
        let own = self.accounts.account(account, now).await?.and_then(|account| account.max_running);
        let Some(cap) = own.or(self.max_running) else { return Ok(None) };
        let mut slots = self.slots.free(account, cap, wanted, rand::random_range(0..1000), now).await?;
        // Workers that look at the same time should not all reach for the same.
        slots.sort_by_cached_key(|_| rand::random::<u32>());
        Ok(Some(slots))
    }

    async fn order(
        &self,
        account: AccountId,
        kind: &Name,
        jobs: Jobs<'_>,
        crowd: Option<&Arc<Crowd>>,
        now: Time,
    ) -> Errands {
        let planned = match self.kinds.cached(kind, now).await {
            Ok(Some(kind)) if kind.kind.spec.discipline != Discipline::Standard => {
                self.plan(account, &kind, &jobs, now).await
            }
            // An unknown kind's job is run, to fail visibly.
            Ok(_) => Ok(jobs.iter().map(|_| What::Own).collect()),
            Err(error) => Err(error),
        };
        match planned {
            Ok(planned) => {
                let errands = jobs.into_iter().zip(planned);
                errands.map(|((n, _, _), what)| (n, Errand { what, crowd: crowd.cloned() })).collect()
            }
            Err(error) => {
                tracing::error!(%account, %kind, cause = %error, "what is due could not be read");
                all(jobs, |_, delivery| Report::after_outage(delivery, now))
            }
        }
    }

    /// Finds the best jobs for permits of one account and kind, and lists those that only these permits know of.
    async fn plan(
        &self,
        account: AccountId,
        kind: &CachedKind,
        jobs: &Jobs<'_>,
        now: Time,
    ) -> Result<Vec<What>, aws::Error> {
        let (name, discipline) = (&kind.kind.name, kind.kind.spec.discipline);
        let ids: Vec<_> = jobs.iter().map(|(_, message, _)| (message.id, message.attempts)).collect();
        let (entries, own) = tokio::try_join!(
            self.jobs.agenda(account, name, ids.len() * self.spread(0, ids.len(), now).max(PORTIONS), now),
            self.jobs.own(account, &ids, discipline, now),
        )?;
        let running = entries.iter().filter(|entry| entry.due_at > now && !self.ran(entry.id)).count();
        let spread = self.spread(running, ids.len(), now);
        let permits: Vec<_> = ids.into_iter().map(|(id, _)| id).zip(own).collect();
        let plan = agenda::plan(&permits, &entries, now, spread, self.turn.fetch_add(1, Ordering::Relaxed));
        let own = permits.into_iter().filter_map(|(id, own)| match own {
            agenda::Own::Ready { rank, .. } => Some((id, rank)),
            _ => None,
        });
        let agenda = Arc::new(Agenda {
            account,
            kind: name.clone(),
            ranks: entries.into_iter().map(|entry| (entry.id, entry.rank)).chain(own).collect(),
            shared: spread > 1,
            within: spread * jobs.len(),
            reserve: Mutex::new(plan.reserve),
        });
        let unlisted = plan.unlisted.into_iter().filter_map(|id| Some((id, agenda.listing(id)?)));
        try_join_all(unlisted.map(async |(id, listing)| self.jobs.list(account, id, &listing, now).await))
            .await?;
        let what = plan.errands.into_iter().zip(jobs).map(|(errand, (_, message, delivery))| match errand {
            agenda::Errand::Run(id) => What::Best(id, agenda.clone()),
            agenda::Errand::Wait(until) => What::Nothing(again((*message).clone(), until, delivery)),
            agenda::Errand::Idle { in_sight } => What::Nothing(idle(message, in_sight, delivery, now)),
        });
        Ok(what.collect())
    }

    /// Notes that this worker took a job.
    pub(crate) fn takes(&self, job: JobId) {
        let mut mine = self.mine.lock().unwrap_or_else(PoisonError::into_inner);
        mine.push_back(job);
        if mine.len() > REMEMBERED {
            mine.pop_front();
        }
    }

    /// Whether this worker lately took a job. To an index that is behind it may still run: a worker that is alone takes the best, exactly.
    fn ran(&self, job: JobId) -> bool {
        self.mine.lock().unwrap_or_else(PoisonError::into_inner).contains(&job)
    }

    /// Into how many portions of a batch's size an agenda is divided: one for this worker, and as many as the others hold, who will be back
    /// for more. `running` is how many jobs are seen to run; they come and go, so the most in the last second counts.
    fn spread(&self, running: usize, batch: usize, now: Time) -> usize {
        let mut most = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running >= most.1 || now.since(most.0) > CURRENT {
            *most = (now, running);
        }
        (1 + most.1.div_ceil(batch)).min(WIDEST)
    }
}

impl Errand {
    const fn none(report: Report) -> Self {
        Self { what: What::Nothing(report), crowd: None }
    }
}

/// The same for all of them: this becomes of each.
fn all(jobs: Jobs<'_>, report: impl Fn(&JobMessage, &Delivery) -> Report) -> Errands {
    jobs.into_iter().map(|(n, message, delivery)| (n, Errand::none(report(message, delivery)))).collect()
}

fn by<'a, K: Ord>(jobs: Jobs<'a>, key: impl Fn(&JobMessage) -> K) -> BTreeMap<K, Jobs<'a>> {
    let mut groups = BTreeMap::<K, Jobs<'a>>::new();
    for job in jobs {
        groups.entry(key(job.1)).or_default().push(job);
    }
    groups
}
