use std::collections::BTreeSet;

use aws_sdk_dynamodb::{
    config::{Builder, retry::RetryConfig},
    error::SdkError,
    operation::batch_write_item::BatchWriteItemError,
    types::{KeysAndAttributes, PutRequest, WriteRequest},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures::future::{join_all, try_join_all};

use super::{JobItem, JobStore, NewJobItems};
use crate::{
    Error,
    backoff::Backoff,
    key::Key,
    table::{Condition, Item, item},
};
use model::{
    id::{AccountId, JobId},
    job::{Job, Payload},
    kind::Rank,
};

/// Items per BatchWriteItem call.
const WRITES: usize = 25;
/// Items per BatchGetItem call.
const READS: usize = 100;

/// Why a call wrote nothing, or possibly nothing.
enum BatchWriteError {
    /// Rejected: the call has no effect, now or later.
    Refused(Error),
    /// No conclusive response: the call may have taken effect, or may still do so.
    OutcomeUnknown(Error),
}

impl BatchWriteError {
    fn of(error: &SdkError<BatchWriteItemError, HttpResponse>) -> Self {
        let cause = Error::of("BatchWriteItem", error);
        match error {
            SdkError::ServiceError(answer) if answer.raw().status().as_u16() < 500 => {
                Self::Refused(cause)
            }
            _ => Self::OutcomeUnknown(cause),
        }
    }
}

/// An item and the index of its job in the batch.
type Numbered = (usize, Item);

impl JobStore {
    /// Stores new jobs in parallel calls of 25 items, separate payloads first. Returns for each job
    /// whether it is stored. A job reported as not stored may be present nevertheless. With a rank,
    /// a job enters its kind's ready queue.
    pub async fn put_all(&self, jobs: &[(&Job, &Payload, Option<Rank>)]) -> Vec<bool> {
        let (mut payloads, mut items) = (Vec::new(), Vec::new());
        let mut failed = BTreeSet::new();
        for (n, (job, payload, rank)) in jobs.iter().enumerate() {
            let NewJobItems { item: job_item, bulk } = NewJobItems::of(job, payload, rank.as_ref());
            let key = Key::job(job.account, job.id);
            match item(&key, &job_item) {
                Ok(item) => items.push((n, item)),
                Err(_) => drop(failed.insert(n)),
            }
            let key = Key::payload(job.account, job.id);
            payloads.extend(bulk.and_then(|bulk| Some((n, item(&key, &bulk).ok()?))));
        }
        failed.extend(self.write_all(payloads).await);
        items.retain(|(n, _)| !failed.contains(n));
        failed.extend(self.write_all(items).await);
        (0..jobs.len()).map(|n| !failed.contains(&n)).collect()
    }

    /// Returns those of the jobs that exist, by consistent reads. Separately stored results are
    /// left out.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn get_all_consistent(&self, jobs: &[(AccountId, JobId)]) -> Result<Vec<Job>, Error> {
        let portions = jobs.chunks(READS).map(async |portion| {
            let keys =
                portion.iter().map(|(account, id)| Key::job(*account, *id).attributes()).collect();
            let wanted =
                KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
            self.table.batch_get(wanted.map_err(|e| Error::Refused(e.to_string()))?).await
        });
        let items = try_join_all(portions).await?.into_iter().flatten();
        items.map(|item| JobItem::read(item)?.job()).collect()
    }

    /// Returns the jobs whose items could not be written.
    async fn write_all(&self, items: Vec<Numbered>) -> BTreeSet<usize> {
        let written = join_all(items.chunks(WRITES).map(|portion| self.write(portion))).await;
        written.into_iter().flatten().collect()
    }

    async fn write(&self, portion: &[Numbered]) -> BTreeSet<usize> {
        let mut left: Vec<&Numbered> = portion.iter().collect();
        let mut backoff = Backoff::start();
        loop {
            match self.write_once(&left).await {
                Ok(unwritten) if unwritten.is_empty() => return BTreeSet::new(),
                Ok(unwritten) => {
                    left.retain(|(_, item)| unwritten.contains(&key_of(item)));
                    if !backoff.retry().await {
                        tracing::warn!(left = left.len(), "batch write left jobs unprocessed");
                        break;
                    }
                }
                Err(BatchWriteError::Refused(error)) => {
                    tracing::warn!(cause = %error, "batch write rejected, writing jobs one by one");
                    return self.put_each(&left).await;
                }
                // The call may still arrive. It is unconditional and could overwrite later changes,
                // so these jobs must not run until the outcome is known.
                Err(BatchWriteError::OutcomeUnknown(error)) => {
                    tracing::warn!(
                        cause = %error,
                        "batch write outcome unknown"
                    );
                    break;
                }
            }
        }
        left.into_iter().map(|(n, _)| *n).collect()
    }

    /// One call without SDK retries. The call is unconditional, so a retry after a lost response
    /// could undo a claim.
    async fn write_once(
        &self,
        items: &[&Numbered],
    ) -> Result<BTreeSet<(String, String)>, BatchWriteError> {
        let puts = items.iter().map(|(_, item)| {
            let put = PutRequest::builder().set_item(Some(item.clone())).build();
            put.map(|put| WriteRequest::builder().put_request(put).build())
        });
        let puts = puts.collect::<Result<Vec<_>, _>>();
        let puts = puts.map_err(|e| BatchWriteError::Refused(Error::Refused(e.to_string())))?;
        let call = self.table.client.batch_write_item().request_items(&self.table.name, puts);
        let once = Builder::new().retry_config(RetryConfig::disabled());
        let answer = call.customize().config_override(once).send().await;
        let left =
            answer.map_err(|e| BatchWriteError::of(&e))?.unprocessed_items.unwrap_or_default();
        Ok(left
            .values()
            .flatten()
            .filter_map(|request| Some(key_of(&request.put_request()?.item)))
            .collect())
    }

    /// Fallback after a rejected call: conditional puts that leave existing items unchanged.
    async fn put_each(&self, items: &[&Numbered]) -> BTreeSet<usize> {
        let puts = items.iter().map(async |(n, item)| {
            let put = self.table.put_item_if(item.clone(), Condition::no_item()).await;
            put.is_err().then_some(*n)
        });
        join_all(puts).await.into_iter().flatten().collect()
    }
}

fn key_of(item: &Item) -> (String, String) {
    let part = |name: &str| {
        item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default()
    };
    (part("pk"), part("sk"))
}
