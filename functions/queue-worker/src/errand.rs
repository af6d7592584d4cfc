//! Assigns work to the messages of a batch. This happens before any job is claimed: messages of one
//! ordered kind share a ready queue, and the jobs of one account share its slots.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::{join_all, try_join_all};
use shared::{
    aws::{self, CachedKind, Outgoing, Slot},
    id::{AccountId, JobId},
    job::{JobMessage, Message, agenda},
    kind::Discipline,
    name::Name,
    time::Time,
};

use crate::{Worker, agenda::Agenda, crowd::Crowd, record::Delivery, report::Report};

/// The work assigned to a job's message.
#[derive(Debug)]
pub struct Errand {
    pub what: What,
    /// The account's slots, if it has a concurrency limit.
    pub crowd: Option<Arc<Crowd>>,
}

#[derive(Debug)]
pub enum What {
    /// Run the message's own job.
    Own,
    /// Run the next due job of an ordered kind. The ID names the message's own job if it is among
    /// the next.
    Best(Option<JobId>, Arc<Agenda>),
    /// Run nothing; the report says how to dispose of the message.
    Nothing(Report),
}

/// Requeues a message that waits for a slot of its account. The delay is random below a ceiling
/// that doubles with each wait, up to 30 s: long queues don't poll constantly, short ones don't
/// wait long.
pub fn wait_for_slot(message: &JobMessage, delivery: &Delivery, now: Time) -> Report {
    if message.spare {
        return Report::done();
    }
    let ceiling = 30.0f64.min(2.0f64.powi(i32::from(message.looks) + 1));
    let pause = Duration::from_secs_f64((ceiling * rand::random::<f64>()).ceil().max(1.0));
    // Waiting for a slot doesn't use up the last look: a message that gets a slot can still look
    // for a job.
    let looks = (message.looks + 1).min(agenda::LOOKS - 1);
    again(JobMessage { looks, ..message.clone() }, now + pause, delivery)
}

/// Requeues a permit that found nothing to run, or deletes it after its last look.
pub fn idle(message: &JobMessage, in_sight: bool, delivery: &Delivery, now: Time) -> Report {
    match agenda::look_again(message.looks, in_sight) {
        Some(pause) => {
            again(JobMessage { looks: message.looks + 1, ..message.clone() }, now + pause, delivery)
        }
        None => Report::done(),
    }
}

/// Replaces the delivered message by `message`, due at `due`.
pub fn again(message: JobMessage, due: Time, delivery: &Delivery) -> Report {
    Report::sends(Outgoing::at(message, due, delivery.trace.clone()))
}

type Jobs<'a> = Vec<(usize, &'a JobMessage, &'a Delivery)>;
type Errands = Vec<(usize, Errand)>;

impl Worker {
    /// Assigns work to each delivery of a job message; `None` for the other deliveries.
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
                // SQS delays a message by 15 minutes at most, so a longer delay takes several
                // messages.
                Some(until) if until > now => {
                    errands[n] = Some(Errand::none(again(message.clone(), until, delivery)));
                }
                _ => due.push((n, message, delivery)),
            }
        }
        let accounts = by(due, |message| message.account).into_iter();
        let decided =
            join_all(accounts.map(|(account, jobs)| self.errands_of(account, jobs, now))).await;
        for (n, errand) in decided.into_iter().flatten() {
            errands[n] = Some(errand);
        }
        errands
    }

    async fn errands_of(&self, account: AccountId, jobs: Jobs<'_>, now: Time) -> Errands {
        let crowd = match self.slots(account, jobs.len(), now).await {
            Ok(None) => None,
            Ok(Some(slots)) if !slots.is_empty() => Some(Crowd::new(slots)),
            Ok(Some(_)) => {
                return all(jobs, |message, delivery| wait_for_slot(message, delivery, now));
            }
            Err(error) => {
                tracing::error!(%account, cause = %error, "reading slots failed");
                return all(jobs, |_, delivery| Report::after_outage(delivery, now));
            }
        };
        let kinds = by(jobs, |message| message.kind.clone()).into_iter();
        let decided = kinds
            .map(async |(kind, jobs)| self.order(account, &kind, jobs, crowd.as_ref(), now).await);
        join_all(decided).await.into_iter().flatten().collect()
    }

    /// The free slots of the account, or `None` if it has no concurrency limit.
    async fn slots(
        &self,
        account: AccountId,
        wanted: usize,
        now: Time,
    ) -> Result<Option<Vec<Slot>>, aws::Error> {
        let own =
            self.accounts.account(account, now).await?.and_then(|account| account.max_running);
        let Some(cap) = own.or(self.max_running) else { return Ok(None) };
        let mut slots =
            self.slots.free(account, cap, wanted, rand::random_range(0..1000), now).await?;
        // Shuffled, so that workers reading the same slots don't all try the same ones.
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
            // A job of an unknown kind is run, so that it fails visibly.
            Ok(_) => Ok(jobs.iter().map(|_| What::Own).collect()),
            Err(error) => Err(error),
        };
        match planned {
            Ok(planned) => {
                let errands = jobs.into_iter().zip(planned);
                errands
                    .map(|((n, _, _), what)| (n, Errand { what, crowd: crowd.cloned() }))
                    .collect()
            }
            Err(error) => {
                tracing::error!(%account, %kind, cause = %error, "reading due jobs failed");
                all(jobs, |_, delivery| Report::after_outage(delivery, now))
            }
        }
    }

    /// Assigns the next due jobs to permits of one account and kind. Adds jobs that only these
    /// permits know of to the ready queue.
    async fn plan(
        &self,
        account: AccountId,
        kind: &CachedKind,
        jobs: &Jobs<'_>,
        now: Time,
    ) -> Result<Vec<What>, aws::Error> {
        let (name, discipline) = (&kind.kind.name, kind.kind.spec.discipline);
        let ids: Vec<_> =
            jobs.iter().map(|(_, message, _)| (message.id, message.attempts)).collect();
        let (last, rivals) = self.agendas.last(account, name);
        let ahead = rivals.look_ahead(ids.len(), now);
        let (entries, own) = tokio::try_join!(
            self.jobs.agenda(account, name, ahead, now),
            self.jobs.own(account, &ids, discipline, now),
        )?;
        let running = entries.iter().filter(|entry| entry.due_at > now).count();
        let permits: Vec<_> = ids.into_iter().map(|(id, _)| id).zip(own).collect();
        let mut plan = agenda::plan(&permits, &entries, now);
        // Jobs beyond the read limit may rank before a permit's own job.
        plan.others.truncate(ahead);
        let own = permits.iter().filter_map(|(id, own)| match own {
            agenda::Own::Ready { rank, .. } => Some((*id, rank.clone())),
            _ => None,
        });
        let ranks = entries.into_iter().map(|entry| (entry.id, entry.rank)).chain(own).collect();
        let known = (last.as_deref(), rivals.seeing(running, now));
        let agenda =
            Arc::new(Agenda::new((account, name), ranks, plan.others, jobs.len(), known, now));
        self.agendas.keep(&agenda);
        let unlisted = plan.unlisted.into_iter().filter_map(|id| Some((id, agenda.listing(id)?)));
        try_join_all(
            unlisted.map(async |(id, listing)| self.jobs.list(account, id, &listing, now).await),
        )
        .await?;
        let what =
            plan.errands.into_iter().zip(jobs).map(
                |(errand, (_, message, delivery))| match errand {
                    agenda::Errand::Own(id) => What::Best(Some(id), agenda.clone()),
                    agenda::Errand::Other => What::Best(None, agenda.clone()),
                    agenda::Errand::Wait(until) => {
                        What::Nothing(again((*message).clone(), until, delivery))
                    }
                    agenda::Errand::Idle { in_sight } => {
                        What::Nothing(idle(message, in_sight, delivery, now))
                    }
                },
            );
        Ok(what.collect())
    }
}

impl Errand {
    const fn none(report: Report) -> Self {
        Self { what: What::Nothing(report), crowd: None }
    }
}

fn all(jobs: Jobs<'_>, report: impl Fn(&JobMessage, &Delivery) -> Report) -> Errands {
    jobs.into_iter()
        .map(|(n, message, delivery)| (n, Errand::none(report(message, delivery))))
        .collect()
}

fn by<'a, K: Ord>(jobs: Jobs<'a>, key: impl Fn(&JobMessage) -> K) -> BTreeMap<K, Jobs<'a>> {
    let mut groups = BTreeMap::<K, Jobs<'a>>::new();
    for job in jobs {
        groups.entry(key(job.1)).or_default().push(job);
    }
    groups
}
