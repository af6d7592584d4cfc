//! Jobs that are due soon: their messages are sent, with the rest of the delay.

use std::time::Duration;

use futures::future::join_all;
use shared::{
    aws::{DueCursor, DuePage, Error, Outgoing},
    job::due::{Pass, Purpose},
    time::Time,
};

use crate::{Checker, resend::Sent};

/// How many entries of a shard are read, and sent, at once: ten calls to SQS.
const PAGE: usize = 100;

/// How many jobs of a shard one run releases. With eight shards these are 24,000 jobs a minute, so that the 13 minutes before jobs are due
/// are enough for 300,000 jobs of one minute.
const MOST: usize = 3000;

/// How many pages of a shard one run reads: after an outage an hour without jobs is a page too.
const PAGES: usize = 500;

/// For how long a run releases; the next one goes on.
const PATIENCE: Duration = Duration::from_secs(30);

impl Checker {
    /// Sends the messages of the jobs that are due within the next minutes, each shard of the due list for itself.
    ///
    /// A run that dies sends at most a page of each shard again, as do two runs at once: the claim decides.
    pub(crate) async fn release(&self, request: &str, begun: Time) -> Result<(), Error> {
        let cursors = self.due.cursors(Pass::Release, begun).await?;
        let outcomes =
            join_all(cursors.into_iter().map(|cursor| self.release_shard(cursor, begun))).await;
        let released: usize = outcomes.iter().map(|(released, _)| released).sum();
        if released > 0 {
            tracing::info!(request.id = request, released, "due jobs released");
        }
        outcomes.into_iter().try_for_each(|(_, outcome)| outcome)
    }

    /// How many were released, and whether that was all that had to be.
    async fn release_shard(
        &self,
        mut cursor: DueCursor,
        begun: Time,
    ) -> (usize, Result<(), Error>) {
        let mut released = 0;
        for _ in 0..PAGES {
            let page = match self.release_page(&cursor, begun).await {
                Ok((sent, page)) => {
                    released += sent;
                    page
                }
                Err(error) => return (released, Err(error)),
            };
            cursor = cursor.behind(&page);
            let is_over = !page.more || released >= MOST || self.clock.now() > begun + PATIENCE;
            if is_over || !page.entries.is_empty() {
                match self.due.save(cursor).await {
                    Ok(Some(saved)) if !is_over => cursor = saved,
                    outcome => return (released, outcome.map(drop)),
                }
            }
        }
        (released, self.due.save(cursor).await.map(drop))
    }

    /// How many were released, and the page that they are on.
    async fn release_page(
        &self,
        cursor: &DueCursor,
        begun: Time,
    ) -> Result<(usize, DuePage), Error> {
        let page = self.due.page(cursor, begun, PAGE).await?;
        let due = page.entries.iter().filter(|entry| entry.purpose == Purpose::Release);
        let outgoing: Vec<_> =
            due.map(|entry| Outgoing::at(entry.message(), entry.due, None)).collect();
        let Sent { sent, .. } =
            Sent::of(&self.queue.send_all(&outgoing, self.clock.now()).await).all()?;
        Ok((sent, page))
    }
}
