//! Assigns work to the messages of a batch. This happens before any job is claimed: messages of one
//! ordered kind share a ready queue, and the jobs of one account share its slots.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::{join_all, try_join_all};
use model::{
    id::{AccountId, JobId},
    job::{JobMessage, Message, ready_queue},
    kind::Discipline,
    name::Name,
    time::Time,
};
use store::{CachedKind, OutgoingMessage, Slot};

use crate::{
    Worker, concurrency::SlotPool, disposition::Handled, message::ReceivedMessage,
    ready_queue::ReadyQueue,
};

/// The work assigned to a job's message.
#[derive(Debug)]
pub struct Assignment {
    pub work: Work,
    /// The account's slots, if it has a concurrency limit.
    pub slot_pool: Option<Arc<SlotPool>>,
}

#[derive(Debug)]
pub enum Work {
    /// Run the message's own job.
    OwnJob,
    /// Run the next due job of an ordered kind. The ID names the message's own job if it is among
    /// the next.
    NextDue(Option<JobId>, Arc<ReadyQueue>),
    /// Run nothing; the report says how to dispose of the message.
    Skip(Handled),
}

/// Requeues a message that waits for a slot of its account. The delay is random below a ceiling
/// that doubles with each wait, up to 30 s: long queues don't poll constantly, short ones don't
/// wait long.
pub fn wait_for_slot(message: &JobMessage, delivery: &ReceivedMessage, now: Time) -> Handled {
    if message.spare {
        return Handled::ack();
    }
    let ceiling = 30.0f64.min(2.0f64.powi(i32::from(message.looks) + 1));
    let pause = Duration::from_secs_f64((ceiling * rand::random::<f64>()).ceil().max(1.0));
    // Waiting for a slot doesn't use up the last look: a message that gets a slot can still look
    // for a job.
    let looks = (message.looks + 1).min(ready_queue::IDLE_RETRIES - 1);
    requeue(JobMessage { looks, ..message.clone() }, now + pause, delivery)
}

/// Requeues a permit that found nothing to run, or deletes it after its last look.
pub fn idle(
    message: &JobMessage,
    in_sight: bool,
    delivery: &ReceivedMessage,
    now: Time,
) -> Handled {
    match ready_queue::idle_backoff(message.looks, in_sight) {
        Some(pause) => requeue(
            JobMessage { looks: message.looks + 1, ..message.clone() },
            now + pause,
            delivery,
        ),
        None => Handled::ack(),
    }
}

/// Replaces the delivered message by `message`, due at `due`.
pub fn requeue(message: JobMessage, due: Time, delivery: &ReceivedMessage) -> Handled {
    Handled::requeue(OutgoingMessage::due_at(message, due, delivery.trace.clone()))
}

type JobMessages<'a> = Vec<(usize, &'a JobMessage, &'a ReceivedMessage)>;
type Assignments = Vec<(usize, Assignment)>;

impl Worker {
    /// Assigns work to each delivery of a job message; `None` for the other deliveries.
    pub(crate) async fn assign(&self, deliveries: &[ReceivedMessage]) -> Vec<Option<Assignment>> {
        let now = self.clock.now();
        let mut errands: Vec<Option<Assignment>> = deliveries.iter().map(|_| None).collect();
        let mut due: JobMessages<'_> = Vec::new();
        for (n, delivery) in deliveries.iter().enumerate() {
            let Ok(Message::Job(message)) = &delivery.message else { continue };
            if delivery.is_dead_letter {
                continue;
            }
            match message.due {
                // SQS delays a message by 15 minutes at most, so a longer delay takes several
                // messages.
                Some(until) if until > now => {
                    errands[n] = Some(Assignment::skip(requeue(message.clone(), until, delivery)));
                }
                _ => due.push((n, message, delivery)),
            }
        }
        let accounts = group_by(due, |message| message.account).into_iter();
        let decided =
            join_all(accounts.map(|(account, jobs)| self.assign_account(account, jobs, now))).await;
        for (n, errand) in decided.into_iter().flatten() {
            errands[n] = Some(errand);
        }
        errands
    }

    async fn assign_account(
        &self,
        account: AccountId,
        jobs: JobMessages<'_>,
        now: Time,
    ) -> Assignments {
        let crowd = match self.slots(account, jobs.len(), now).await {
            Ok(None) => None,
            Ok(Some(slots)) if !slots.is_empty() => Some(SlotPool::new(slots)),
            Ok(Some(_)) => {
                return skip_all(jobs, |message, delivery| wait_for_slot(message, delivery, now));
            }
            Err(error) => {
                tracing::error!(%account, cause = %error, "reading slots failed");
                return skip_all(jobs, |_, delivery| Handled::after_outage(delivery, now));
            }
        };
        let kinds = group_by(jobs, |message| message.kind.clone()).into_iter();
        let decided = kinds.map(async |(kind, jobs)| {
            self.assign_kind(account, &kind, jobs, crowd.as_ref(), now).await
        });
        join_all(decided).await.into_iter().flatten().collect()
    }

    /// The free slots of the account, or `None` if it has no concurrency limit.
    async fn slots(
        &self,
        account: AccountId,
        wanted: usize,
        now: Time,
    ) -> Result<Option<Vec<Slot>>, store::Error> {
        let own =
            self.accounts.get_cached(account, now).await?.and_then(|account| account.max_running);
        let Some(cap) = own.or(self.max_running) else { return Ok(None) };
        let mut slots =
            self.slots.find_free(account, cap, wanted, rand::random_range(0..1000), now).await?;
        // Shuffled, so that workers reading the same slots don't all try the same ones.
        slots.sort_by_cached_key(|_| rand::random::<u32>());
        Ok(Some(slots))
    }

    async fn assign_kind(
        &self,
        account: AccountId,
        kind: &Name,
        jobs: JobMessages<'_>,
        crowd: Option<&Arc<SlotPool>>,
        now: Time,
    ) -> Assignments {
        let planned = match self.kinds.cached(kind, now).await {
            Ok(Some(kind)) if kind.kind.spec.discipline != Discipline::Standard => {
                self.plan(account, &kind, &jobs, now).await
            }
            // A job of an unknown kind is run, so that it fails visibly.
            Ok(_) => Ok(jobs.iter().map(|_| Work::OwnJob).collect()),
            Err(error) => Err(error),
        };
        match planned {
            Ok(planned) => {
                let errands = jobs.into_iter().zip(planned);
                errands
                    .map(|((n, _, _), what)| {
                        (n, Assignment { work: what, slot_pool: crowd.cloned() })
                    })
                    .collect()
            }
            Err(error) => {
                tracing::error!(%account, %kind, cause = %error, "reading due jobs failed");
                skip_all(jobs, |_, delivery| Handled::after_outage(delivery, now))
            }
        }
    }

    /// Assigns the next due jobs to permits of one account and kind. Adds jobs that only these
    /// permits know of to the ready queue.
    async fn plan(
        &self,
        account: AccountId,
        kind: &CachedKind,
        jobs: &JobMessages<'_>,
        now: Time,
    ) -> Result<Vec<Work>, store::Error> {
        let (name, discipline) = (&kind.kind.name, kind.kind.spec.discipline);
        let ids: Vec<_> =
            jobs.iter().map(|(_, message, _)| (message.id, message.attempts)).collect();
        let (last, rivals) = self.ready_queues.last(account, name);
        let ahead = rivals.look_ahead(ids.len(), now);
        let (entries, own) = tokio::try_join!(
            self.jobs.ready_queue(account, name, ahead, now),
            self.jobs.own_jobs(account, &ids, discipline, now),
        )?;
        let running = entries.iter().filter(|entry| entry.due_at > now).count();
        let permits: Vec<_> = ids.into_iter().map(|(id, _)| id).zip(own).collect();
        let mut plan = ready_queue::plan(&permits, &entries, now);
        // Jobs beyond the read limit may rank before a permit's own job.
        plan.candidates.truncate(ahead);
        let own = permits.iter().filter_map(|(id, own)| match own {
            ready_queue::PermitState::Ready { rank, .. } => Some((*id, rank.clone())),
            _ => None,
        });
        let ranks = entries.into_iter().map(|entry| (entry.id, entry.rank)).chain(own).collect();
        let known = (last.as_deref(), rivals.with_running(running, now));
        let agenda = Arc::new(ReadyQueue::new(
            (account, name),
            ranks,
            plan.candidates,
            jobs.len(),
            known,
            now,
        ));
        self.ready_queues.insert(&agenda);
        let unlisted = plan.unlisted.into_iter().filter_map(|id| Some((id, agenda.listing(id)?)));
        try_join_all(unlisted.map(async |(id, listing)| {
            self.jobs.add_to_ready_queue(account, id, &listing, now).await
        }))
        .await?;
        let what =
            plan.uses.into_iter().zip(jobs).map(|(errand, (_, message, delivery))| match errand {
                ready_queue::PermitUse::OwnJob(id) => Work::NextDue(Some(id), agenda.clone()),
                ready_queue::PermitUse::OtherJob => Work::NextDue(None, agenda.clone()),
                ready_queue::PermitUse::WaitUntil(until) => {
                    Work::Skip(requeue((*message).clone(), until, delivery))
                }
                ready_queue::PermitUse::Idle { jobs_listed: in_sight } => {
                    Work::Skip(idle(message, in_sight, delivery, now))
                }
            });
        Ok(what.collect())
    }
}

impl Assignment {
    const fn skip(report: Handled) -> Self {
        Self { work: Work::Skip(report), slot_pool: None }
    }
}

fn skip_all(
    jobs: JobMessages<'_>,
    report: impl Fn(&JobMessage, &ReceivedMessage) -> Handled,
) -> Assignments {
    jobs.into_iter()
        .map(|(n, message, delivery)| (n, Assignment::skip(report(message, delivery))))
        .collect()
}

fn group_by<'a, K: Ord>(
    jobs: JobMessages<'a>,
    key: impl Fn(&JobMessage) -> K,
) -> BTreeMap<K, JobMessages<'a>> {
    let mut groups = BTreeMap::<K, JobMessages<'a>>::new();
    for job in jobs {
        groups.entry(key(job.1)).or_default().push(job);
    }
    groups
}
