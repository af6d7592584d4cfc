use std::collections::BTreeSet;

use aws_sdk_dynamodb::{
    config::{Builder, retry::RetryConfig},
    error::SdkError,
    operation::batch_write_item::BatchWriteItemError,
    types::{KeysAndAttributes, PutRequest, WriteRequest},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use futures::future::{join_all, try_join_all};

use super::{JobItem, JobStore, Stored};
use crate::{
    aws::{
        Error,
        backoff::Backoff,
        key::Key,
        table::{Condition, Item, item},
    },
    id::{AccountId, JobId},
    job::{Job, Payload},
    kind::Rank,
};

/// How many items one call writes.
const WRITES: usize = 25;
/// How many items one call reads.
const READS: usize = 100;

/// Why a call wrote nothing, or maybe nothing.
enum Unwritten {
    /// It was turned away, and will never have an effect.
    Refused(Error),
    /// There was no answer, or none that tells: it may have had its effect, or have it yet.
    Maybe(Error),
}

impl Unwritten {
    fn of(error: &SdkError<BatchWriteItemError, HttpResponse>) -> Self {
        let cause = Error::of("BatchWriteItem", error);
        match error {
            SdkError::ServiceError(answer) if answer.raw().status().as_u16() < 500 => {
                Self::Refused(cause)
            }
            _ => Self::Maybe(cause),
        }
    }
}

/// An item, and which of the jobs it is of.
type Numbered = (usize, Item);

impl JobStore {
    /// Puts many new jobs, 25 a call, side by side; payloads that have items of their own first. Says of each whether it was put; one that
    /// wasn't may be there all the same. With a rank a job is on its kind's agenda.
    pub async fn put_all(&self, jobs: &[(&Job, &Payload, Option<Rank>)]) -> Vec<bool> {
        let (mut payloads, mut items) = (Vec::new(), Vec::new());
        let mut failed = BTreeSet::new();
        for (n, (job, payload, rank)) in jobs.iter().enumerate() {
            let Stored { item: job_item, bulk } = Stored::of(job, payload, rank.as_ref());
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

    /// Those of an account's jobs that are there, as they are now; without results that have an item of their own.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn inspect_all(&self, jobs: &[(AccountId, JobId)]) -> Result<Vec<Job>, Error> {
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

    /// Which of these could not be written.
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
                        tracing::warn!(left = left.len(), "jobs of a batch were left unprocessed");
                        break;
                    }
                }
                Err(Unwritten::Refused(error)) => {
                    tracing::warn!(cause = %error, "jobs of a batch are put one by one");
                    return self.put_each(&left).await;
                }
                // It may still come, and without conditions undo what became of its jobs: they must not be run before it is decided.
                Err(Unwritten::Maybe(error)) => {
                    tracing::warn!(cause = %error, "it isn't known whether jobs of a batch were put");
                    break;
                }
            }
        }
        left.into_iter().map(|(n, _)| *n).collect()
    }

    /// One call, never repeated by the SDK: it has no conditions, and a repeat after a lost answer could undo a claim.
    async fn write_once(
        &self,
        items: &[&Numbered],
    ) -> Result<BTreeSet<(String, String)>, Unwritten> {
        let puts = items.iter().map(|(_, item)| {
            let put = PutRequest::builder().set_item(Some(item.clone())).build();
            put.map(|put| WriteRequest::builder().put_request(put).build())
        });
        let puts = puts.collect::<Result<Vec<_>, _>>();
        let puts = puts.map_err(|e| Unwritten::Refused(Error::Refused(e.to_string())))?;
        let call = self.table.client.batch_write_item().request_items(&self.table.name, puts);
        let once = Builder::new().retry_config(RetryConfig::disabled());
        let answer = call.customize().config_override(once).send().await;
        let left = answer.map_err(|e| Unwritten::of(&e))?.unprocessed_items.unwrap_or_default();
        Ok(left
            .values()
            .flatten()
            .filter_map(|request| Some(key_of(&request.put_request()?.item)))
            .collect())
    }

    /// The way round a call that was turned away: what is there already stays.
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
