mod claim;
mod finish;
mod item;
mod list;
mod waiting;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Error, Table,
    key::Key,
    table::{Conditional, Item, content, text},
};
use crate::{
    id::{AccountId, JobId},
    job::{Job, Lease, Payload},
    time::Time,
};

pub use claim::{Claim, Claimed};
pub use finish::Ending;
pub use list::{Filter, JobPage};

use item::{Bulk, JobItem};

/// The largest payload that stays in its job's item, in bytes.
///
/// Every update of an item is billed by the whole item, a kilobyte a unit, and a job is written three times. With this much, the item of
/// a plain job stays within one kilobyte; a larger payload is cheaper as an item of its own, written once and read once.
const INLINE_PAYLOAD: usize = 512;

/// The largest result that stays in its job's item, in bytes: it is written once, and a poll reads four kilobytes a unit.
const INLINE_RESULT: usize = 3 * 1024;

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
    /// that is there already, by a repeated call or by a repeated request, changes nothing.
    ///
    /// # Errors
    /// When the table can't be written; the job may be there all the same.
    pub async fn put(&self, job: &Job, payload: &Payload) -> Result<(), Error> {
        let mut item = JobItem::of(job);
        if payload.as_str().len() <= INLINE_PAYLOAD {
            item.payload = Some(payload.as_str().to_owned());
        } else {
            let bulk = Bulk { json: payload.as_str().to_owned(), expires_at: item.expires_at };
            self.table.put(&Key::payload(job.account, job.id), &bulk).await?;
        }
        self.table.put_new(&Key::job(job.account, job.id), &item).await.map(drop)
    }

    /// Takes back a job whose message could not be sent, unless a worker has it: then the message did get through.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn take_back(&self, account: AccountId, id: JobId) -> Result<(), Error> {
        let untouched = "#status = :queued AND attempts = :none";
        let call = self.table.client.delete_item().table_name(&self.table.name);
        let answer = call
            .set_key(Some(Key::job(account, id).attributes()))
            .condition_expression(untouched)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":queued", text("queued"))
            .expression_attribute_values(":none", AttributeValue::N("0".into()))
            .send()
            .await;
        match answer {
            Err(error)
                if !error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Err(Error::of("DeleteItem", &error))
            }
            _ => Ok(()),
        }
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
        let job = self.find_even_hidden(account, id, consistent).await?;
        Ok(job.filter(|job| now < job.expires_at))
    }

    /// A job and who holds it, as it is now.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn inspect(&self, account: AccountId, id: JobId) -> Result<Option<(Job, Lease)>, Error> {
        let Some(item) = self.table.get(&Key::job(account, id), true).await? else { return Ok(None) };
        let item = JobItem::read(item)?;
        let lease = item.lease();
        Ok(Some((item.job()?, lease)))
    }

    /// A job that is in the table, whether it is still shown or not.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn find_even_hidden(
        &self,
        account: AccountId,
        id: JobId,
        consistent: bool,
    ) -> Result<Option<Job>, Error> {
        let Some(item) = self.table.get(&Key::job(account, id), consistent).await? else { return Ok(None) };
        let item = JobItem::read(item)?;
        let apart = item.result_apart;
        let mut job = item.job()?;
        if apart {
            let result = self.table.get(&Key::result(account, id), consistent).await?;
            job.result = result.map(Bulk::read).transpose()?;
        }
        Ok(Some(job))
    }
}

fn conditional(answer: Conditional<Option<Item>>) -> Result<Option<JobItem>, Option<Item>> {
    match answer {
        Conditional::Done(item) => Ok(item.and_then(|item| content("a job", item).ok())),
        Conditional::Refused(item) => Err(item),
    }
}
