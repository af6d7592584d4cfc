//! Sends the messages of jobs that are due soon, with the remaining delay.

use std::time::Duration;

use futures::future::join_all;
use model::{
    job::due::{Pass, Purpose},
    time::Time,
};
use store::{DueCursor, DuePage, Error, OutgoingMessage};

use crate::{jobs::Jobs, resend::SendCount};

/// Entries of a shard read and sent together: ten calls to SQS.
const PAGE: usize = 100;

/// Jobs of a shard released per run. Eight shards release 24,000 jobs a minute, so the 13 minutes
/// of lead time are enough for 300,000 jobs due in the same minute.
const MAX_JOBS: usize = 3000;

/// Pages of a shard read per run. After an outage, an hour without jobs counts as a page.
const MAX_PAGES: usize = 500;

/// Time limit of a run; the next one continues.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Sends the messages of jobs due within the next minutes, each shard of the due list
/// independently.
///
/// A crashed run, or two concurrent ones, send at most a page of each shard twice. The claim
/// makes duplicates harmless.
pub async fn release(jobs: &Jobs, request_id: &str, started: Time) -> Result<(), Error> {
    let cursors = jobs.due.cursors(Pass::Release, started).await?;
    let shards =
        join_all(cursors.into_iter().map(|cursor| release_shard(jobs, cursor, started))).await;
    let released: usize = shards.iter().map(|(released, _)| released).sum();
    if released > 0 {
        tracing::info!(request.id = request_id, released, "due jobs released");
    }
    shards.into_iter().try_for_each(|(_, result)| result)
}

/// Returns the number of released jobs, and the error that stopped the shard.
async fn release_shard(
    jobs: &Jobs,
    mut cursor: DueCursor,
    started: Time,
) -> (usize, Result<(), Error>) {
    let mut released = 0;
    for _ in 0..MAX_PAGES {
        let page = match release_page(jobs, &cursor, started).await {
            Ok((sent, page)) => {
                released += sent;
                page
            }
            Err(error) => return (released, Err(error)),
        };
        cursor = cursor.after_page(&page);
        let is_over = !page.more || released >= MAX_JOBS || jobs.clock.now() > started + TIME_LIMIT;
        if is_over || !page.entries.is_empty() {
            match jobs.due.save(cursor).await {
                Ok(Some(saved)) if !is_over => cursor = saved,
                result => return (released, result.map(drop)),
            }
        }
    }
    (released, jobs.due.save(cursor).await.map(drop))
}

/// Returns the number of released jobs and their page.
async fn release_page(
    jobs: &Jobs,
    cursor: &DueCursor,
    started: Time,
) -> Result<(usize, DuePage), Error> {
    let page = jobs.due.page(cursor, started, PAGE).await?;
    let due = page.entries.iter().filter(|entry| entry.purpose == Purpose::Release);
    let outgoing: Vec<_> =
        due.map(|entry| OutgoingMessage::due_at(entry.message(), entry.due, None)).collect();
    let SendCount { sent, .. } =
        SendCount::of(&jobs.queue.send_all(&outgoing, jobs.clock.now()).await).require_all()?;
    Ok((sent, page))
}
