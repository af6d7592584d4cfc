//! Resends the messages of jobs that should have started or ended, since these may be lost.

use futures::future::join_all;
use model::{
    job::{due::Pass, reconcile::OverdueJob, rescue},
    time::Time,
};
use store::{DueCursor, Error};

use crate::{enlist::enlist, jobs::Jobs, resend::resend, walk::walk};

/// Entries of a shard verified together: one read of a hundred jobs.
const PAGE: usize = 100;

/// Pages of a shard verified per run: 9,600 entries a minute over all shards.
const MAX_PAGES: usize = 12;

/// Verifies due-list entries, continues the walk, and resends messages of jobs that seem to
/// have none.
pub async fn rescue(jobs: &Jobs, request_id: &str, started: Time) -> Result<(), Error> {
    let (verified, walked) =
        tokio::join!(Box::pin(verify(jobs, started)), Box::pin(walk(jobs, started)));
    let (mut overdue, verified) = verified;
    let walked = walked.map(|more| overdue.extend(more));
    resend_overdue(jobs, request_id, &overdue, started).await.and(verified).and(walked)
}

/// The overdue jobs among the entries that are an hour old, and the error if some could not be
/// verified.
async fn verify(jobs: &Jobs, now: Time) -> (Vec<OverdueJob>, Result<(), Error>) {
    let cursors = match jobs.due.cursors(Pass::Verify, now).await {
        Ok(cursors) => cursors,
        Err(error) => return (Vec::new(), Err(error)),
    };
    let shards = join_all(cursors.into_iter().map(|cursor| verify_shard(jobs, cursor, now))).await;
    let (mut overdue, mut result) = (Vec::new(), Ok(()));
    for shard in shards {
        match shard {
            Ok(jobs) => overdue.extend(jobs),
            Err(error) => result = Err(error),
        }
    }
    (overdue, result)
}

async fn verify_shard(
    jobs: &Jobs,
    mut cursor: DueCursor,
    now: Time,
) -> Result<Vec<OverdueJob>, Error> {
    let mut overdue = Vec::new();
    for _ in 0..MAX_PAGES {
        let page = jobs.due.page(&cursor, now, PAGE).await?;
        let ids: Vec<_> = page.entries.iter().map(|entry| (entry.account, entry.id)).collect();
        let unfinished = jobs.store.unfinished_among(&ids).await?;
        // Enlist before the cursor passes the entries, so that a crash loses none.
        overdue.extend(enlist(jobs, &unfinished, now).await?);
        cursor = cursor.after_page(&page);
        if !page.more {
            break;
        }
    }
    jobs.due.save(cursor).await?;
    Ok(overdue)
}

async fn resend_overdue(
    jobs: &Jobs,
    request_id: &str,
    overdue: &[OverdueJob],
    now: Time,
) -> Result<(), Error> {
    if overdue.is_empty() {
        return Ok(());
    }
    let depth = jobs.queue.depth().await?;
    let messages = rescue::messages(overdue, depth, now, rand::random_range(0..usize::MAX));
    let resent = resend(jobs, overdue.len(), &messages, now).await;
    tracing::warn!(
        request.id = request_id,
        overdue = overdue.len(),
        depth,
        sent = resent.sent,
        "messages of overdue jobs resent"
    );
    resent.require_all().map(drop)
}
