mod batch;
mod claim;
mod control;
mod finish;
mod item;
mod list;
mod lost_messages;
mod ready_queue;
mod unfinished;
mod waiting;

use std::time::Duration;

use super::{
    Error, Table,
    key::Key,
    table::{Condition, Conditional, number, text},
};
use model::{
    id::{AccountId, JobId},
    job::{Job, Lease, Payload, Timing},
    kind::Rank,
    time::Time,
};

pub use claim::{ClaimResult, ClaimedJob};
pub use control::RetryResult;
pub use finish::{AttemptEnd, EndResult};
pub use list::{Filter, JobPage};
pub use lost_messages::OverdueScan;
pub use ready_queue::ReadyQueueKey;
pub use unfinished::UnfinishedPart;

use item::{Bulk, JobItem};

/// Largest payload stored inline in the job's item, in bytes.
///
/// DynamoDB bills each update by the size of the whole item, one unit per KB, and a job is written
/// three times. With this limit the item of a plain job stays within 1 KB. A larger payload is
/// cheaper as a separate item, written once and read once.
const INLINE_PAYLOAD: usize = 512;

/// Largest result stored inline in the job's item, in bytes. A result is written once, and a poll
/// reads 4 KB per unit.
const INLINE_RESULT: usize = 3 * 1024;

/// Longest retention of a kind. A failed job can be retried with its payload for this long.
const LONGEST_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// TTL of a separately stored payload whose job was due at `due`. The minute tick extends it for
/// jobs that wait longer. Setting it when the job finishes would cost a write unit per KB of
/// payload.
fn payload_expiry(due: Time) -> Time {
    Timing::messages_expired_at(due) + LONGEST_RETENTION
}

/// Whether the payload is stored as a separate item.
fn is_separate(payload: &Payload) -> bool {
    payload.as_str().len() > INLINE_PAYLOAD
}

/// The items of a new job.
struct NewJobItems {
    item: JobItem,
    /// The payload, if it is stored separately.
    bulk: Option<Bulk>,
}

impl NewJobItems {
    fn of(job: &Job, payload: &Payload, rank: Option<&Rank>) -> Self {
        let mut item = JobItem::of(job);
        if let Some(rank) = rank {
            item = item.with_ready_queue(job, rank);
        }
        let json = payload.as_str().to_owned();
        if is_separate(payload) {
            let expires_at = payload_expiry(job.run_at).seconds_ceil();
            Self { item, bulk: Some(Bulk { json, expires_at }) }
        } else {
            item.payload = Some(json);
            Self { item, bulk: None }
        }
    }
}

#[derive(Clone, Debug)]
pub struct JobStore {
    table: Table,
}

impl JobStore {
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Stores a new job. A separate payload is written first, so that every claimable job has one.
    ///
    /// A repeated call or request that finds the job present changes nothing. With a `rank` the job
    /// enters its kind's ready queue.
    ///
    /// # Errors
    /// Fails when the table can't be written; the job may be stored nevertheless.
    pub async fn put(
        &self,
        job: &Job,
        payload: &Payload,
        rank: Option<&Rank>,
    ) -> Result<(), Error> {
        let NewJobItems { item, bulk } = NewJobItems::of(job, payload, rank);
        if let Some(bulk) = bulk {
            self.table.put(&Key::payload(job.account, job.id), &bulk).await?;
        }
        self.table
            .put_if(&Key::job(job.account, job.id), &item, Condition::no_item())
            .await
            .map(drop)
    }

    /// Deletes a job whose message could not be sent, and its payload. A job that a worker has
    /// claimed stays: its message did arrive.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn delete_unstarted(&self, job: &Job, payload: &Payload) -> Result<(), Error> {
        let untouched = Condition {
            expression: "#status = :queued AND attempts = :none",
            names: vec![("#status", "status")],
            values: vec![(":queued", text("queued")), (":none", number(0))],
        };
        let gone = self.table.delete(&Key::job(job.account, job.id), Some(untouched)).await?;
        if matches!(gone, Conditional::Done(_)) && is_separate(payload) {
            self.table.delete(&Key::payload(job.account, job.id), None).await?;
        }
        Ok(())
    }

    /// Returns the job with its result if it is visible at `now`.
    ///
    /// A `consistent` read sees every completed write, at twice the cost.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn get(
        &self,
        account: AccountId,
        id: JobId,
        consistent: bool,
        now: Time,
    ) -> Result<Option<Job>, Error> {
        let job = self.get_with_result(account, id, consistent).await?;
        Ok(job.filter(|job| job.is_visible(now)))
    }

    /// Returns the job with its result, also after its visibility ended.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn get_with_result(
        &self,
        account: AccountId,
        id: JobId,
        consistent: bool,
    ) -> Result<Option<Job>, Error> {
        let Some(item) = self.table.get(&Key::job(account, id), consistent).await? else {
            return Ok(None);
        };
        let item = JobItem::read(item)?;
        let apart = item.owner.clone().filter(|_| item.result_apart);
        let mut job = item.job()?;
        if let Some(owner) = apart {
            let key = Key::result(account, id, &owner);
            let mut result = self.table.get(&key, consistent).await?;
            if result.is_none() && !consistent {
                // The result was written before the job's item, but a replica may show the two in
                // reverse order.
                result = self.table.get(&key, true).await?;
            }
            let result =
                result.ok_or_else(|| Error::Corrupt("a job", "result item missing".into()))?;
            job.result = Some(Bulk::read(result)?);
        }
        Ok(Some(job))
    }

    /// Returns the job and its lease by a consistent read, also after its visibility ended. A
    /// separately stored result is left out.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn get_consistent(
        &self,
        account: AccountId,
        id: JobId,
    ) -> Result<Option<(Job, Lease)>, Error> {
        let Some(item) = self.table.get(&Key::job(account, id), true).await? else {
            return Ok(None);
        };
        let item = JobItem::read(item)?;
        let lease = item.lease();
        Ok(Some((item.job()?, lease)))
    }
}
