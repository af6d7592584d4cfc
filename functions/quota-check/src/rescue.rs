//! Resends the messages of jobs that should have started or ended, since these may be lost.

use futures::future::{join_all, try_join_all};
use model::{
    job::{
        due::{Pass, Purpose},
        reconcile::OverdueJob,
        rescue::{self, UnfinishedJob},
    },
    time::Time,
};
use store::{DueCursor, Error};

use crate::Checker;

/// Entries of a shard verified together: one read of a hundred jobs.
const PAGE: usize = 100;

/// Pages of a shard verified per run: 9,600 entries a minute over all shards.
const MAX_PAGES: usize = 12;

impl Checker {
    /// Verifies due-list entries, continues the walk, and resends messages of jobs that seem to
    /// have none.
    pub(crate) async fn rescue(&self, request: &str, begun: Time) -> Result<(), Error> {
        let (verified, walked) =
            tokio::join!(Box::pin(self.verify(begun)), Box::pin(self.walk(begun)));
        let (mut overdue, outcome) = verified;
        let walked = walked.map(|more| overdue.extend(more));
        self.resend_overdue(request, &overdue, begun).await.and(outcome).and(walked)
    }

    /// The overdue jobs among the entries that are an hour old, and the error if some could not be
    /// verified.
    async fn verify(&self, now: Time) -> (Vec<OverdueJob>, Result<(), Error>) {
        let cursors = match self.due.cursors(Pass::Verify, now).await {
            Ok(cursors) => cursors,
            Err(error) => return (Vec::new(), Err(error)),
        };
        let shards =
            join_all(cursors.into_iter().map(|cursor| self.verify_shard(cursor, now))).await;
        let (mut overdue, mut outcome) = (Vec::new(), Ok(()));
        for shard in shards {
            match shard {
                Ok(found) => overdue.extend(found),
                Err(error) => outcome = Err(error),
            }
        }
        (overdue, outcome)
    }

    async fn verify_shard(
        &self,
        mut cursor: DueCursor,
        now: Time,
    ) -> Result<Vec<OverdueJob>, Error> {
        let mut overdue = Vec::new();
        for _ in 0..MAX_PAGES {
            let page = self.due.page(&cursor, now, PAGE).await?;
            let named: Vec<_> =
                page.entries.iter().map(|entry| (entry.account, entry.id)).collect();
            let unfinished = self.jobs.unfinished_among(&named).await?;
            // Enlist before the cursor passes the entries, so that a crash loses none.
            overdue.extend(self.enlist(&unfinished, now).await?);
            cursor = cursor.after_page(&page);
            if !page.more {
                break;
            }
        }
        self.due.save(cursor).await?;
        Ok(overdue)
    }

    /// Adds unfinished jobs to the due list, to be verified again. Returns the overdue ones.
    pub(crate) async fn enlist(
        &self,
        unfinished: &[UnfinishedJob],
        now: Time,
    ) -> Result<Vec<OverdueJob>, Error> {
        let found: Vec<_> = unfinished.iter().map(|job| (job, job.assess(now))).collect();
        let entries: Vec<_> =
            found.iter().map(|(job, finding)| job.entry(finding.next, Purpose::Verify)).collect();
        let old = found.iter().filter(|(_, finding)| finding.extends_payload);
        let extended = old.map(|(job, _)| self.jobs.extend_payload(job.account, job.id, now));
        tokio::try_join!(self.due.put_all(&entries), try_join_all(extended))?;
        Ok(found
            .iter()
            .filter(|(_, finding)| finding.is_overdue)
            .map(|(job, _)| job.overdue())
            .collect())
    }

    async fn resend_overdue(
        &self,
        request: &str,
        overdue: &[OverdueJob],
        now: Time,
    ) -> Result<(), Error> {
        if overdue.is_empty() {
            return Ok(());
        }
        let depth = self.queue.depth().await?;
        let messages = rescue::messages(overdue, depth, now, rand::random_range(0..usize::MAX));
        let resent = self.resend(overdue.len(), &messages, now).await;
        tracing::warn!(
            request.id = request,
            overdue = overdue.len(),
            depth,
            sent = resent.sent,
            "messages of overdue jobs resent"
        );
        resent.require_all().map(drop)
    }
}
