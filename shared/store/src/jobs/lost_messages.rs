use super::{JobStore, ready_queue::int};
use crate::{
    Error,
    key::{Key, READY_INDEX},
    table::{Item, millis},
};
use model::{
    job::{JobMessage, reconcile::OverdueJob},
    time::Time,
};

/// Result of one scan of the index.
#[derive(Debug)]
pub struct OverdueScan {
    /// Overdue jobs of all accounts, oldest due time first.
    pub jobs: Vec<OverdueJob>,
    /// Whether the segment may hold more entries.
    pub more: bool,
}

impl JobStore {
    /// Returns ready-queue jobs of all accounts that were due by `since`, among the first `limit`
    /// entries of one of the index's `segments`, numbered from 0.
    ///
    /// One call, billed by what it reads, not by what it returns. It scans only the index. That
    /// holds little more than the keys of jobs of ordered kinds, while they are due or running.
    ///
    /// # Errors
    /// Fails when the index can't be read.
    pub async fn overdue(
        &self,
        since: Time,
        segment: u32,
        segments: u32,
        limit: usize,
    ) -> Result<OverdueScan, Error> {
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let call = self.table.client.scan().table_name(&self.table.name).index_name(READY_INDEX);
        let answer = call
            .filter_expression("due_at <= :since")
            .expression_attribute_values(":since", millis(since))
            .projection_expression("agenda, sk, due_at")
            .segment(number(segment))
            .total_segments(number(segments))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|e| Error::of("Scan", &e))?;
        let mut jobs: Vec<_> =
            answer.items.unwrap_or_default().iter().filter_map(overdue).collect();
        jobs.sort_by_key(|job| (job.due_at, job.job.id));
        Ok(OverdueScan { jobs, more: answer.last_evaluated_key.is_some() })
    }
}

fn overdue(item: &Item) -> Option<OverdueJob> {
    let (account, kind) = Key::parse_ready_queue(item.get("agenda")?.as_s().ok()?)?;
    let id = item.get("sk")?.as_s().ok()?.parse().ok()?;
    let due_at = Time::from_millis(int(item, "due_at")?);
    Some(OverdueJob { job: JobMessage::new(account, id, kind), due_at })
}
