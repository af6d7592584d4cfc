use futures::future::try_join_all;
use shared::{
    aws::Error,
    job::audit::{self, Overdue},
    time::Time,
};

use crate::Checker;

/// How many entries of the index one call reads.
///
/// An entry is its keys and a time, about 170 bytes, so that such a page is 170 KB: 21 read units, at half a unit for four kilobytes. An
/// empty index costs the half unit that any call does, 21,600 units a month.
const PAGE: usize = 1000;

/// In how many minutes everything is looked at, where the index has more than a page.
const ROUND: u32 = 15;

/// How many segments of a large index each minute looks at, a page of each. A call for the whole index and these four are 5,000 entries
/// at most: 105 read units a minute, 4.5 million a month, about half a dollar. Finer segments than one a minute keep apart what
/// stands behind an account's huge backlog from that: only what shares its sixtieth waits until it is shorter than a page.
const SEGMENTS_A_MINUTE: u32 = 4;

impl Checker {
    /// Sends permits for jobs that seem to have none. A run for the minute `due` looks at that minute's part of a large index.
    pub(crate) async fn audit(&self, request: &str, due: Time) -> Result<(), Error> {
        let now = self.clock.now();
        let (overdue, messages) = self.overdue(audit::overdue_since(now), due).await?;
        if overdue.is_empty() {
            return Ok(());
        }
        let audit = audit::audit(&overdue, messages, rand::random_range(0..usize::MAX));
        let resent = self.resend(audit.overdue, &audit.permits, now).await;
        let (overdue, sent) = (audit.overdue, resent.sent);
        if audit.missing > 0 {
            tracing::warn!(request.id = request, overdue, messages, sent, "permits were missing");
        } else {
            tracing::info!(request.id = request, overdue, messages, sent, "jobs are overdue");
        }
        resent.all().map(drop)
    }

    /// The jobs due by `since`, and how many messages there are: all jobs where a page holds the index, else those that this minute
    /// shows.
    async fn overdue(&self, since: Time, minute: Time) -> Result<(Vec<Overdue>, usize), Error> {
        let first = self.jobs.overdue(since, 0, 1, PAGE).await?;
        if first.jobs.is_empty() && !first.more {
            return Ok((Vec::new(), 0));
        }
        let messages = self.queue.depth().await?;
        let mut jobs = first.jobs;
        if first.more {
            // Where the queue may hold all permits, few are sent: those of the first page would be first in line each minute.
            if jobs.len() <= messages {
                jobs.clear();
            }
            jobs.extend(self.segments(since, minute).await?);
        }
        Ok((jobs, messages))
    }

    /// The jobs due by `since` in this minute's segments of a large index.
    async fn segments(&self, since: Time, minute: Time) -> Result<Vec<Overdue>, Error> {
        let turn = (minute.millis() / 60_000).rem_euclid(i64::from(ROUND));
        let turn = u32::try_from(turn).unwrap_or(0);
        let looks = (0..SEGMENTS_A_MINUTE).map(|n| {
            let segment = turn + n * ROUND;
            self.jobs.overdue(since, segment, ROUND * SEGMENTS_A_MINUTE, PAGE)
        });
        Ok(try_join_all(looks).await?.into_iter().flat_map(|look| look.jobs).collect())
    }
}
