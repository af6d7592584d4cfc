use std::time::Duration;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures::future::try_join_all;

use super::{JobStore, ready_queue::int};
use crate::{
    Error,
    key::{Key, SHARDS},
    table::{Item, text},
};
use model::{
    id::{self, AccountId, JobId},
    job::{Status, rescue::UnfinishedJob},
    time::Time,
};

/// Rows read per partition and call. Most are finished jobs, which the filter drops.
const ROWS_PER_PARTITION: i32 = 250;

/// Attributes to read. The function's IAM policy names the same ones, so that it can't read
/// payloads or results.
const ATTRIBUTES: &str = "pk, sk, kind, #status, attempts, run_at, due_at, lease_until, agenda";

/// Unfinished jobs accepted in the first part of a time span.
#[derive(Debug)]
pub struct UnfinishedPart {
    /// Unordered.
    pub jobs: Vec<UnfinishedJob>,
    /// Exclusive end of the part that was read; `None` if it is the whole span.
    pub until: Option<Time>,
}

impl JobStore {
    /// Returns an account's unfinished jobs that were accepted from `from` until before `to`. One
    /// eventually consistent query per partition, each limited to
    /// [`ROWS_PER_PARTITION`] rows.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn unfinished_of(
        &self,
        account: AccountId,
        from: Time,
        to: Time,
    ) -> Result<UnfinishedPart, Error> {
        let shards =
            (0..SHARDS).map(|shard| self.unfinished_in(Key::jobs(account, shard), from, to));
        let parts = try_join_all(shards).await?;
        // A truncated partition is complete up to the millisecond before its last row. No partition
        // receives 250 rows within a millisecond.
        let until = parts.iter().filter_map(|part| part.until).min();
        let until = until.map(|until| until.max(from + Duration::from_millis(1)));
        let jobs = parts.into_iter().flat_map(|part| part.jobs);
        let jobs =
            jobs.filter(|job| until.is_none_or(|until| id::time_of(&job.id) < until)).collect();
        Ok(UnfinishedPart { jobs, until })
    }

    async fn unfinished_in(
        &self,
        shard: String,
        from: Time,
        to: Time,
    ) -> Result<UnfinishedPart, Error> {
        let first: JobId = id::generate(from, [0; 10]);
        let last: JobId = id::generate(Time::from_millis(to.millis() - 1), [u8::MAX; 10]);
        let call = self.table.client.query().table_name(&self.table.name);
        let answer = call
            .key_condition_expression("pk = :jobs AND sk BETWEEN :first AND :last")
            .filter_expression("#status IN (:queued, :running)")
            .projection_expression(ATTRIBUTES)
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":jobs", text(shard))
            .expression_attribute_values(":first", text(first.to_string()))
            .expression_attribute_values(":last", text(last.to_string()))
            .expression_attribute_values(":queued", text(Status::Queued.as_str()))
            .expression_attribute_values(":running", text(Status::Running.as_str()))
            .limit(ROWS_PER_PARTITION)
            .send()
            .await
            .map_err(|e| Error::of("Query", &e))?;
        let until =
            answer.last_evaluated_key.as_ref().and_then(|key| Some(id::time_of(&id_of(key)?)));
        Ok(UnfinishedPart {
            jobs: answer.items.unwrap_or_default().iter().filter_map(read).collect(),
            until,
        })
    }

    /// Returns those of at most 100 jobs that are unfinished. One eventually consistent call.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn unfinished_among(
        &self,
        jobs: &[(AccountId, JobId)],
    ) -> Result<Vec<UnfinishedJob>, Error> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let keys = jobs.iter().map(|(account, id)| Key::job(*account, *id).attributes()).collect();
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .projection_expression(ATTRIBUTES)
            .expression_attribute_names("#status", "status")
            .build()
            .map_err(|e| Error::Refused(e.to_string()))?;
        let items = self.table.batch_get(wanted).await?;
        Ok(items.iter().filter_map(read).filter(|job| !job.status.is_terminal()).collect())
    }
}

fn id_of(item: &Item) -> Option<JobId> {
    item.get("sk")?.as_s().ok()?.parse().ok()
}

fn read(item: &Item) -> Option<UnfinishedJob> {
    let word = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
    let time = |name| int(item, name).map(Time::from_millis);
    let id = id_of(item)?;
    let status: Status = word("status")?.parse().ok()?;
    let run_at = time("run_at").unwrap_or_else(|| id::time_of(&id));
    let claimable_at = if status == Status::Running { time("lease_until") } else { time("due_at") };
    Some(UnfinishedJob {
        account: word("pk")?.split('#').nth(1)?.parse().ok()?,
        id,
        kind: word("kind")?.parse().ok()?,
        status,
        attempts: int(item, "attempts").and_then(|attempts| attempts.try_into().ok()).unwrap_or(0),
        run_at,
        claimable_at: claimable_at.unwrap_or(run_at),
        is_listed: item.contains_key("agenda"),
    })
}
