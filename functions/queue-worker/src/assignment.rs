//! Assigns work to the messages of a batch. This happens before any job is claimed: messages of one
//! ordered kind share a ready queue, and the jobs of one account share its slots.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::{join_all, try_join_all};
use model::{
    id::{AccountId, JobId},
    job::{JobMessage, Message, ready_queue},
    kind::Discipline,
    name::Name,
    time::Time,
};
use store::{CachedKind, Slot};

use crate::{
    Worker,
    concurrency::SlotPool,
    disposition::Handled,
    message::ReceivedMessage,
    ready_queue::ReadyQueue,
    requeue::{idle, requeue, wait_for_slot},
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
    /// Run nothing and dispose of the message.
    Skip(Handled),
}

/// A job's message, with its position in the batch.
type BatchedJob<'a> = (usize, &'a JobMessage, &'a ReceivedMessage);
type Assignments = Vec<(usize, Assignment)>;

/// Assigns work to each delivery of a job message; `None` for the other deliveries.
pub async fn assign(worker: &Worker, deliveries: &[ReceivedMessage]) -> Vec<Option<Assignment>> {
    let now = worker.clock.now();
    let mut assignments: Vec<Option<Assignment>> = deliveries.iter().map(|_| None).collect();
    let mut due: Vec<BatchedJob<'_>> = Vec::new();
    for (n, delivery) in deliveries.iter().enumerate() {
        let Ok(Message::Job(message)) = &delivery.message else { continue };
        if delivery.is_dead_letter {
            continue;
        }
        match message.due {
            // SQS delays a message by 15 minutes at most, so a longer delay takes several messages.
            Some(until) if until > now => {
                assignments[n] = Some(Assignment::skip(requeue(message.clone(), until, delivery)));
            }
            _ => due.push((n, message, delivery)),
        }
    }
    let accounts = group_by(due, |message| message.account).into_iter();
    let assigned =
        join_all(accounts.map(|(account, jobs)| assign_account(worker, account, jobs, now))).await;
    for (n, assignment) in assigned.into_iter().flatten() {
        assignments[n] = Some(assignment);
    }
    assignments
}

async fn assign_account(
    worker: &Worker,
    account: AccountId,
    jobs: Vec<BatchedJob<'_>>,
    now: Time,
) -> Assignments {
    let slot_pool = match find_slots(worker, account, jobs.len(), now).await {
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
    let assigned = kinds.map(async |(kind, jobs)| {
        assign_kind(worker, account, &kind, jobs, slot_pool.as_ref(), now).await
    });
    join_all(assigned).await.into_iter().flatten().collect()
}

/// The free slots of the account, or `None` if it has no concurrency limit.
async fn find_slots(
    worker: &Worker,
    account: AccountId,
    wanted: usize,
    now: Time,
) -> Result<Option<Vec<Slot>>, store::Error> {
    let account_limit =
        worker.accounts.get_cached(account, now).await?.and_then(|account| account.max_running);
    let Some(limit) = account_limit.or(worker.max_running) else { return Ok(None) };
    let offset = rand::random_range(0..1000);
    let mut slots = worker.slots.find_free(account, limit, wanted, offset, now).await?;
    // Shuffled, so that workers reading the same slots don't all try the same ones.
    slots.sort_by_cached_key(|_| rand::random::<u32>());
    Ok(Some(slots))
}

async fn assign_kind(
    worker: &Worker,
    account: AccountId,
    kind: &Name,
    jobs: Vec<BatchedJob<'_>>,
    slot_pool: Option<&Arc<SlotPool>>,
    now: Time,
) -> Assignments {
    let planned = match worker.kinds.cached(kind, now).await {
        Ok(Some(kind)) if kind.kind.spec.discipline != Discipline::Standard => {
            plan_permits(worker, account, &kind, &jobs, now).await
        }
        // A job of an unknown kind is run, so that it fails visibly.
        Ok(_) => Ok(jobs.iter().map(|_| Work::OwnJob).collect()),
        Err(error) => Err(error),
    };
    match planned {
        Ok(planned) => {
            let with_slots = |work| Assignment { work, slot_pool: slot_pool.cloned() };
            jobs.into_iter().zip(planned).map(|((n, ..), work)| (n, with_slots(work))).collect()
        }
        Err(error) => {
            tracing::error!(%account, %kind, cause = %error, "reading due jobs failed");
            skip_all(jobs, |_, delivery| Handled::after_outage(delivery, now))
        }
    }
}

/// Assigns the next due jobs to permits of one account and kind. Adds jobs that only these permits
/// know of to the ready queue.
async fn plan_permits(
    worker: &Worker,
    account: AccountId,
    kind: &CachedKind,
    jobs: &[BatchedJob<'_>],
    now: Time,
) -> Result<Vec<Work>, store::Error> {
    let (name, discipline) = (&kind.kind.name, kind.kind.spec.discipline);
    let ids: Vec<_> = jobs.iter().map(|(_, message, _)| (message.id, message.attempts)).collect();
    let (last, contention) = worker.recent_queues.last(account, name);
    let limit = contention.look_ahead(ids.len(), now);
    let (entries, states) = tokio::try_join!(
        worker.jobs.ready_queue(account, name, limit, now),
        worker.jobs.own_jobs(account, &ids, discipline, now),
    )?;
    let running = entries.iter().filter(|entry| entry.due_at > now).count();
    let permits: Vec<_> = ids.into_iter().map(|(id, _)| id).zip(states).collect();
    let mut plan = ready_queue::plan(&permits, &entries, now);
    // Jobs beyond the read limit may rank before a permit's own job.
    plan.candidates.truncate(limit);
    let own_ranks = permits.iter().filter_map(|(id, state)| match state {
        ready_queue::PermitState::Ready { rank, .. } => Some((*id, rank.clone())),
        _ => None,
    });
    let ranks = entries.into_iter().map(|entry| (entry.id, entry.rank)).chain(own_ranks).collect();
    let ready_queue = Arc::new(ReadyQueue::new(
        (account, name),
        ranks,
        plan.candidates,
        jobs.len(),
        (last.as_deref(), contention.with_running(running, now)),
        now,
    ));
    worker.recent_queues.insert(&ready_queue);
    let unlisted = plan.unlisted.into_iter().filter_map(|id| Some((id, ready_queue.listing(id)?)));
    try_join_all(unlisted.map(async |(id, listing)| {
        worker.jobs.add_to_ready_queue(account, id, &listing, now).await
    }))
    .await?;
    let work = plan
        .uses
        .into_iter()
        .zip(jobs)
        .map(|(permit_use, job)| permit_work(permit_use, job, &ready_queue, now));
    Ok(work.collect())
}

fn permit_work(
    permit_use: ready_queue::PermitUse,
    &(_, message, delivery): &BatchedJob<'_>,
    ready_queue: &Arc<ReadyQueue>,
    now: Time,
) -> Work {
    match permit_use {
        ready_queue::PermitUse::OwnJob(id) => Work::NextDue(Some(id), ready_queue.clone()),
        ready_queue::PermitUse::OtherJob => Work::NextDue(None, ready_queue.clone()),
        ready_queue::PermitUse::WaitUntil(until) => {
            Work::Skip(requeue(message.clone(), until, delivery))
        }
        ready_queue::PermitUse::Idle { jobs_listed } => {
            Work::Skip(idle(message, jobs_listed, delivery, now))
        }
    }
}

impl Assignment {
    const fn skip(handled: Handled) -> Self {
        Self { work: Work::Skip(handled), slot_pool: None }
    }
}

fn skip_all(
    jobs: Vec<BatchedJob<'_>>,
    disposition: impl Fn(&JobMessage, &ReceivedMessage) -> Handled,
) -> Assignments {
    jobs.into_iter()
        .map(|(n, message, delivery)| (n, Assignment::skip(disposition(message, delivery))))
        .collect()
}

fn group_by<'a, K: Ord>(
    jobs: Vec<BatchedJob<'a>>,
    key: impl Fn(&JobMessage) -> K,
) -> BTreeMap<K, Vec<BatchedJob<'a>>> {
    let mut groups = BTreeMap::<K, Vec<BatchedJob<'a>>>::new();
    for job in jobs {
        groups.entry(key(job.1)).or_default().push(job);
    }
    groups
}
