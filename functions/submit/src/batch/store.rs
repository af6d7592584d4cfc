//! Stores and queues the jobs of a batch with few AWS calls.

use std::collections::BTreeMap;

use futures::future::join_all;
use model::{
    job::{Job, Payload},
    kind::Rank,
    time::Time,
};
use store::OutgoingMessage;

use super::reserve::{BatchJob, ReservedBatch};
use crate::jobs::{
    Jobs, NewJob, delete_unstarted, exceeds_queue_delay, record_accepted, resend, store_and_send,
};

/// A new job and its index in the batch.
type Item<'a> = (usize, &'a NewJob);

/// Index of a job, and whether it is stored and queued.
type Stored = (usize, bool);

/// The jobs of a batch by how they are stored.
#[derive(Default)]
struct Groups<'a> {
    /// Stored together, then sent together.
    unordered: Vec<Item<'a>>,
    /// Jobs of ordered kinds: sent together, then stored together.
    ordered: Vec<Item<'a>>,
    /// Stored and sent one by one.
    single: Vec<Item<'a>>,
    /// Jobs of an earlier request, which may not have sent their messages.
    existing: Vec<(usize, &'a Job)>,
}

/// Stores and queues the new jobs, and resends messages that an earlier request may not have sent.
/// Returns for each job whether it is stored and queued.
pub async fn store_all(
    jobs: &Jobs,
    batch: &ReservedBatch,
    is_repeatable: bool,
    now: Time,
) -> Vec<bool> {
    let Groups { unordered, ordered, single, existing } = Groups::of(batch, now);
    let single = single
        .into_iter()
        .map(async |(n, new)| (n, store_and_send(jobs, new, is_repeatable).await.is_ok()));
    let existing =
        existing.into_iter().map(async |(n, job)| (n, resend(jobs, job, None, now).await.is_ok()));
    let (unordered, ordered, single, existing) = tokio::join!(
        store_then_send(jobs, unordered, now),
        send_then_store(jobs, ordered, now),
        join_all(single),
        join_all(existing),
    );
    let together = unordered.into_iter().chain(ordered).collect::<Vec<_>>();
    record_all(jobs, batch, &together, now);
    if !is_repeatable {
        delete_failed(jobs, batch, &together).await;
    }
    let mut results = vec![false; batch.jobs.len()];
    for (n, is_stored) in together.into_iter().chain(single).chain(existing) {
        results[n] = is_stored;
    }
    results
}

impl<'a> Groups<'a> {
    /// Jobs of a replayed request are created one by one with a conditional write, since another
    /// replay may create them at the same time.
    fn of(batch: &'a ReservedBatch, now: Time) -> Self {
        let mut groups = Self::default();
        for (n, job) in batch.jobs.iter().enumerate() {
            match job {
                BatchJob::New(new) if batch.replayed || exceeds_queue_delay(&new.job, now) => {
                    groups.single.push((n, new));
                }
                BatchJob::New(new) if new.rank(now).is_some() => groups.ordered.push((n, new)),
                BatchJob::New(new) => groups.unordered.push((n, new)),
                BatchJob::Existing(job) => groups.existing.push((n, job)),
                BatchJob::Refused(_) => {}
            }
        }
        groups
    }
}

async fn store_then_send(jobs: &Jobs, items: Vec<Item<'_>>, now: Time) -> Vec<Stored> {
    let stored = jobs.store.put_all(&rows(&items, now)).await;
    let (stored, failed) = partition(items, stored);
    let sent = jobs.queue.send_all(&messages(&stored), now).await;
    results(&stored, sent, &failed)
}

/// Sends first: a surplus permit does no harm, while a listed job without a permit would use up
/// another job's.
async fn send_then_store(jobs: &Jobs, items: Vec<Item<'_>>, now: Time) -> Vec<Stored> {
    let sent = jobs.queue.send_all(&messages(&items), now).await;
    let (sent, failed) = partition(items, sent);
    let stored = jobs.store.put_all(&rows(&sent, now)).await;
    results(&sent, stored, &failed)
}

/// Splits items into those whose first step succeeded and the others.
fn partition(items: Vec<Item<'_>>, succeeded: Vec<bool>) -> (Vec<Item<'_>>, Vec<Item<'_>>) {
    let (succeeded, failed): (Vec<_>, Vec<_>) =
        items.into_iter().zip(succeeded).partition(|(_, is_success)| *is_success);
    let items = |list: Vec<(_, bool)>| list.into_iter().map(|(item, _)| item).collect();
    (items(succeeded), items(failed))
}

fn results(items: &[Item<'_>], succeeded: Vec<bool>, failed: &[Item<'_>]) -> Vec<Stored> {
    let results = items.iter().zip(succeeded).map(|((n, _), is_success)| (*n, is_success));
    results.chain(failed.iter().map(|(n, _)| (*n, false))).collect()
}

fn record_all(jobs: &Jobs, batch: &ReservedBatch, stored: &[Stored], now: Time) {
    let mut by_kind = BTreeMap::<_, usize>::new();
    for (n, _) in stored.iter().filter(|(_, is_stored)| *is_stored) {
        if let BatchJob::New(new) = &batch.jobs[*n] {
            *by_kind.entry(&new.job.kind).or_default() += 1;
        }
    }
    for (kind, number) in by_kind {
        record_accepted(jobs, kind, number, now);
    }
}

async fn delete_failed(jobs: &Jobs, batch: &ReservedBatch, stored: &[Stored]) {
    let failed = stored.iter().filter(|(_, is_stored)| !is_stored);
    let failed = failed.filter_map(|(n, _)| match &batch.jobs[*n] {
        BatchJob::New(new) => Some(new),
        _ => None,
    });
    join_all(failed.map(|new| delete_unstarted(jobs, new))).await;
}

fn messages(items: &[Item<'_>]) -> Vec<OutgoingMessage> {
    items.iter().map(|(_, new)| new.message()).collect()
}

fn rows<'a>(items: &[Item<'a>], now: Time) -> Vec<(&'a Job, &'a Payload, Option<Rank>)> {
    items.iter().map(|(_, new)| (&new.job, &new.payload, new.rank(now))).collect()
}
