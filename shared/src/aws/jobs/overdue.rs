use super::{JobStore, agenda::int};
use crate::{
    aws::{
        Error,
        key::{AGENDA, Key},
        table::{Item, millis},
    },
    job::{JobMessage, audit::Overdue},
    time::Time,
};

/// What one look at the agenda showed.
#[derive(Debug)]
pub struct Look {
    /// Jobs of all accounts that should have been run, oldest due first.
    pub jobs: Vec<Overdue>,
    /// Whether there may be more where this look ended.
    pub more: bool,
}

impl JobStore {
    /// Listed jobs of all accounts that were due by `since`, among the first `limit` entries of one of the index's `segments`, which
    /// count from 0.
    ///
    /// One call, paid by what it reads and not by what it brings. It is a scan, of the index alone: that holds only jobs of ordered
    /// kinds, while they are due or run, and of each little more than its keys.
    ///
    /// # Errors
    /// When the index can't be read.
    pub async fn overdue(
        &self,
        since: Time,
        segment: u32,
        segments: u32,
        limit: usize,
    ) -> Result<Look, Error> {
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let call = self.table.client.scan().table_name(&self.table.name).index_name(AGENDA);
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
        Ok(Look { jobs, more: answer.last_evaluated_key.is_some() })
    }
}

fn overdue(item: &Item) -> Option<Overdue> {
    let (account, kind) = Key::of_agenda(item.get("agenda")?.as_s().ok()?)?;
    let id = item.get("sk")?.as_s().ok()?.parse().ok()?;
    let due_at = Time::from_millis(int(item, "due_at")?);
    Some(Overdue { job: JobMessage::new(account, id, kind), due_at })
}
