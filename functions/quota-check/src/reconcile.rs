use futures::future::try_join_all;
use model::{
    job::reconcile::{self, OverdueJob},
    time::Time,
};
use store::Error;

use crate::{jobs::Jobs, resend::resend};

/// Index entries read per call.
///
/// An entry has its keys and a time, about 170 bytes. A full page is 170 KB or 21 read units, at
/// half a unit per 4 KB. An empty index costs half a unit per call, 21,600 units a month.
const PAGE: usize = 1000;

/// Minutes in which all segments are read, if the index is larger than a page.
const ROUND_MINUTES: u32 = 15;

/// Segments of a large index read per minute, one page each. With the call for the whole index,
/// these are at most 5,000 entries. They cost 105 read units a minute, 4.5 million a month, about
/// half a dollar. Using more segments than minutes limits the effect of a huge backlog: only jobs
/// in the same sixtieth of the index wait until it is shorter than a page.
const SEGMENTS_A_MINUTE: u32 = 4;

/// Sends permits for jobs that seem to have none. The run for the minute `due` reads that
/// minute's segments of a large index.
pub async fn reconcile(jobs: &Jobs, request_id: &str, due: Time) -> Result<(), Error> {
    let now = jobs.clock.now();
    let (overdue, messages) = read_overdue(jobs, reconcile::overdue_before(now), due).await?;
    if overdue.is_empty() {
        return Ok(());
    }
    let reconciled = reconcile::reconcile(&overdue, messages, rand::random_range(0..usize::MAX));
    let resent = resend(jobs, reconciled.overdue, &reconciled.permits, now).await;
    let (overdue, sent) = (reconciled.overdue, resent.sent);
    if reconciled.missing > 0 {
        tracing::warn!(request.id = request_id, overdue, messages, sent, "missing permits resent");
    } else {
        tracing::info!(request.id = request_id, overdue, messages, sent, "jobs are overdue");
    }
    resent.require_all().map(drop)
}

/// The jobs due by `since`, and the queue depth. All jobs if the index fits a page, otherwise
/// those of this minute's segments, with the first page if it exceeds the queue depth.
async fn read_overdue(
    jobs: &Jobs,
    since: Time,
    minute: Time,
) -> Result<(Vec<OverdueJob>, usize), Error> {
    let first = jobs.store.overdue(since, 0, 1, PAGE).await?;
    if first.jobs.is_empty() && !first.more {
        return Ok((Vec::new(), 0));
    }
    let messages = jobs.queue.depth().await?;
    let mut overdue = first.jobs;
    if first.more {
        // If the queue may hold all permits, few are sent. Keep the first page out, as its jobs
        // would use these up every minute.
        if overdue.len() <= messages {
            overdue.clear();
        }
        overdue.extend(segments(jobs, since, minute).await?);
    }
    Ok((overdue, messages))
}

/// The jobs due by `since` in this minute's segments of a large index.
async fn segments(jobs: &Jobs, since: Time, minute: Time) -> Result<Vec<OverdueJob>, Error> {
    let offset = (minute.millis() / 60_000).rem_euclid(i64::from(ROUND_MINUTES));
    let offset = u32::try_from(offset).unwrap_or(0);
    let reads = (0..SEGMENTS_A_MINUTE).map(|n| {
        let segment = offset + n * ROUND_MINUTES;
        jobs.store.overdue(since, segment, ROUND_MINUTES * SEGMENTS_A_MINUTE, PAGE)
    });
    Ok(try_join_all(reads).await?.into_iter().flat_map(|scan| scan.jobs).collect())
}
