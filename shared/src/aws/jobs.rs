mod agenda;
mod batch;
mod claim;
mod control;
mod finish;
mod item;
mod list;
mod overdue;
mod unfinished;
mod waiting;

use std::time::Duration;

use super::{
    Error, Table,
    key::Key,
    table::{Condition, Conditional, number, text},
};
use crate::{
    id::{AccountId, JobId},
    job::{Job, Lease, Payload, Timing},
    kind::Rank,
    time::Time,
};

pub use agenda::Listing;
pub use claim::{Claim, Claimed};
pub use control::Reopened;
pub use finish::{Ended, Ending};
pub use list::{Filter, JobPage};
pub use overdue::Look;
pub use unfinished::UnfinishedPart;

use item::{Bulk, JobItem};

/// The largest payload that stays in its job's item, in bytes.
///
/// Every update of an item is billed by the whole item, a kilobyte a unit, and a job is written three times. With this much, the item of
/// a plain job stays within one kilobyte; a larger payload is cheaper as an item of its own, written once and read once.
const INLINE_PAYLOAD: usize = 512;

/// The largest result that stays in its job's item, in bytes: it is written once, and a poll reads four kilobytes a unit.
const INLINE_RESULT: usize = 3 * 1024;

/// The longest retention of a kind: for so long a failed job can be retried, with its payload.
const LONGEST_RETENTION: Duration = Duration::from_secs(30 * 24 * 3600);

/// When a payload that has an item of its own may be deleted, if its job was due at `due`. A job that waits for longer has it extended by
/// the minute's check: to set it when the job finishes would cost a write unit for each of its kilobytes.
fn payload_expiry(due: Time) -> Time {
    Timing::messages_gone(due) + LONGEST_RETENTION
}

/// Whether a payload has an item of its own.
fn is_apart(payload: &Payload) -> bool {
    payload.as_str().len() > INLINE_PAYLOAD
}

/// A new job's items.
struct Stored {
    item: JobItem,
    /// Its payload, if that has an item of its own.
    bulk: Option<Bulk>,
}

impl Stored {
    fn of(job: &Job, payload: &Payload, rank: Option<&Rank>) -> Self {
        let mut item = JobItem::of(job);
        if let Some(rank) = rank {
            item = item.listed(job, rank);
        }
        let json = payload.as_str().to_owned();
        if is_apart(payload) {
            let expires_at = payload_expiry(job.run_at).seconds_up();
            Self { item, bulk: Some(Bulk { json, expires_at }) }
        } else {
            item.payload = Some(json);
            Self { item, bulk: None }
        }
    }
}

/// Jobs: put, claimed, finished, found and listed.
#[derive(Clone, Debug)]
pub struct JobStore {
    table: Table,
}

impl JobStore {
    /// The jobs of a table.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Puts a new job, its payload first if that has an item of its own, so that a job that can be claimed has one. Putting a job
    /// that is there already, by a repeated call or by a repeated request, changes nothing. With a `rank` it is on its kind's agenda.
    ///
    /// # Errors
    /// When the table can't be written; the job may be there all the same.
    pub async fn put(
        &self,
        job: &Job,
        payload: &Payload,
        rank: Option<&Rank>,
    ) -> Result<(), Error> {
        let Stored { item, bulk } = Stored::of(job, payload, rank);
        if let Some(bulk) = bulk {
            self.table.put(&Key::payload(job.account, job.id), &bulk).await?;
        }
        self.table
            .put_if(&Key::job(job.account, job.id), &item, Condition::no_item())
            .await
            .map(drop)
    }

    /// Takes back a job whose message could not be sent, with its payload, unless a worker has it: then the message did get through.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn take_back(&self, job: &Job, payload: &Payload) -> Result<(), Error> {
        let untouched = Condition {
            expression: "#status = :queued AND attempts = :none",
            names: vec![("#status", "status")],
            values: vec![(":queued", text("queued")), (":none", number(0))],
        };
        let gone = self.table.delete(&Key::job(job.account, job.id), Some(untouched)).await?;
        if matches!(gone, Conditional::Done(_)) && is_apart(payload) {
            self.table.delete(&Key::payload(job.account, job.id), None).await?;
        }
        Ok(())
    }

    /// A job that is still shown at `now`, with its result.
    ///
    /// `consistent` sees every write that was answered before, at twice the price.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn find(
        &self,
        account: AccountId,
        id: JobId,
        consistent: bool,
        now: Time,
    ) -> Result<Option<Job>, Error> {
        let job = self.whole(account, id, consistent).await?;
        Ok(job.filter(|job| job.is_shown(now)))
    }

    /// A job with its result, whether it is still shown or not.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn whole(
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
                // It was put before the job said so, but a replica may show the two in another order.
                result = self.table.get(&key, true).await?;
            }
            let result =
                result.ok_or_else(|| Error::Corrupt("a job", "its result is missing".into()))?;
            job.result = Some(Bulk::read(result)?);
        }
        Ok(Some(job))
    }

    /// A job and who holds it, as it is now, whether it is still shown or not; without a result that has an item of its own.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn inspect(
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
