use std::collections::VecDeque;

use futures::future::try_join_all;

use super::{JobItem, JobStore};
use crate::{
    Error,
    key::{Key, SHARDS},
    table::text,
};
use model::{
    id::{AccountId, JobId},
    job::{Job, Status},
    name::Name,
    time::Time,
};

/// Selects the jobs of a list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub status: Option<Status>,
    pub kind: Option<Name>,
}

impl Filter {
    fn admits(&self, job: &Job) -> bool {
        self.status.is_none_or(|status| status == job.status)
            && self.kind.as_ref().is_none_or(|kind| *kind == job.kind)
    }
}

/// A page of jobs, newest first.
#[derive(Debug)]
pub struct JobPage {
    /// Separately stored results are left out.
    pub jobs: Vec<Job>,
    /// Where to continue; `None` at the end of the list.
    pub ended_at: Option<JobId>,
}

/// Number of jobs examined after which a page ends even if it isn't full. A filter that matches
/// almost nothing must not read a whole account.
const MAX_EXAMINED: usize = 1000;

const MAX_READ_SIZE: usize = 64;

/// Read-ahead of one partition, newest first.
struct Shard {
    number: u8,
    read: VecDeque<Job>,
    before: Option<JobId>,
    more: bool,
    /// Size of the next read. It doubles each time, for filters that match few jobs.
    portion: usize,
}

impl JobStore {
    /// Returns the jobs that match the filter and are visible at `now`, newest first, older than
    /// `before`.
    ///
    /// Reads a few jobs of every partition in parallel and merges them by id. A partition is read
    /// again when its buffer is empty. A page therefore costs the jobs it returns plus at most a
    /// few of each partition.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn page(
        &self,
        account: AccountId,
        filter: &Filter,
        before: Option<JobId>,
        limit: usize,
        now: Time,
    ) -> Result<JobPage, Error> {
        let portion = limit / usize::from(SHARDS) + 2;
        let shard = |number| Shard { number, read: VecDeque::new(), before, more: true, portion };
        let mut shards: Vec<_> = (0..SHARDS).map(shard).collect();
        let (mut jobs, mut looked_at, mut ended_at) = (Vec::new(), 0, None);
        loop {
            if jobs.len() == limit || looked_at == MAX_EXAMINED {
                let more = shards.iter().any(|shard| shard.more || !shard.read.is_empty());
                return Ok(JobPage { jobs, ended_at: ended_at.filter(|_| more) });
            }
            let dry = shards.iter_mut().filter(|shard| shard.more && shard.read.is_empty());
            try_join_all(dry.map(|shard| self.read_on(account, shard))).await?;
            let Some(newest) =
                shards.iter_mut().filter(|s| !s.read.is_empty()).max_by_key(|s| s.read[0].id)
            else {
                return Ok(JobPage { jobs, ended_at: None });
            };
            let Some(job) = newest.read.pop_front() else { continue };
            looked_at += 1;
            ended_at = Some(job.id);
            if filter.admits(&job) && job.is_visible(now) {
                jobs.push(job);
            }
        }
    }

    async fn read_on(&self, account: AccountId, shard: &mut Shard) -> Result<(), Error> {
        let call = self.table.client.query().table_name(&self.table.name);
        // "~" sorts after every id.
        let before = shard.before.map_or_else(|| "~".to_owned(), |id| id.to_string());
        let answer = call
            .key_condition_expression("pk = :jobs AND sk < :before")
            .expression_attribute_values(":jobs", text(Key::jobs(account, shard.number)))
            .expression_attribute_values(":before", text(before))
            .scan_index_forward(false)
            .limit(i32::try_from(shard.portion).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|e| Error::of("Query", &e))?;
        shard.portion = (2 * shard.portion).min(MAX_READ_SIZE);
        shard.more = answer.last_evaluated_key.is_some();
        for item in answer.items.unwrap_or_default() {
            shard.read.push_back(JobItem::read(item)?.job()?);
        }
        shard.before = shard.read.back().map(|job| job.id).or(shard.before);
        Ok(())
    }
}
