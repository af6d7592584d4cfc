use futures::future::try_join_all;
use model::{
    job::reconcile::{self, OverdueJob},
    time::Time,
};
use store::Error;

use crate::Checker;

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

impl Checker {
    /// Sends permits for jobs that seem to have none. The run for the minute `due` reads that
    /// minute's segments of a large index.
    pub(crate) async fn reconcile(&self, request: &str, due: Time) -> Result<(), Error> {
        let now = self.clock.now();
        let (overdue, messages) = self.overdue(reconcile::overdue_before(now), due).await?;
        if overdue.is_empty() {
            return Ok(());
        }
        let audit = reconcile::reconcile(&overdue, messages, rand::random_range(0..usize::MAX));
        let resent = self.resend(audit.overdue, &audit.permits, now).await;
        let (overdue, sent) = (audit.overdue, resent.sent);
        if audit.missing > 0 {
            tracing::warn!(request.id = request, overdue, messages, sent, "missing permits resent");
        } else {
            tracing::info!(request.id = request, overdue, messages, sent, "jobs are overdue");
        }
        resent.require_all().map(drop)
    }

    /// The jobs due by `since`, and the queue depth. All jobs if the index fits a page, otherwise
    /// those of this minute's segments, with the first page if it exceeds the queue depth.
    async fn overdue(&self, since: Time, minute: Time) -> Result<(Vec<OverdueJob>, usize), Error> {
        let first = self.jobs.overdue(since, 0, 1, PAGE).await?;
        if first.jobs.is_empty() && !first.more {
            return Ok((Vec::new(), 0));
        }
        let messages = self.queue.depth().await?;
        let mut jobs = first.jobs;
        if first.more {
            // If the queue may hold all permits, few are sent. Keep the first page out, as its jobs
            // would use these up every minute.
            if jobs.len() <= messages {
                jobs.clear();
            }
            jobs.extend(self.segments(since, minute).await?);
        }
        Ok((jobs, messages))
    }

    /// The jobs due by `since` in this minute's segments of a large index.
    async fn segments(&self, since: Time, minute: Time) -> Result<Vec<OverdueJob>, Error> {
        let turn = (minute.millis() / 60_000).rem_euclid(i64::from(ROUND_MINUTES));
        let turn = u32::try_from(turn).unwrap_or(0);
        let looks = (0..SEGMENTS_A_MINUTE).map(|n| {
            let segment = turn + n * ROUND_MINUTES;
            self.jobs.overdue(since, segment, ROUND_MINUTES * SEGMENTS_A_MINUTE, PAGE)
        });
        Ok(try_join_all(looks).await?.into_iter().flat_map(|look| look.jobs).collect())
    }
}
