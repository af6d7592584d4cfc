use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::{JobStore, claim::EARLY_MS};
use crate::{
    Error,
    key::{Key, READY_INDEX},
    table::{Conditional, Item, Update, millis, number, text},
};
use model::{
    id::{AccountId, JobId},
    job::{
        Status,
        ready_queue::{PermitState, ReadyJob},
    },
    kind::{Discipline, Rank},
    name::Name,
    time::Time,
};

/// A job's position in a ready queue.
#[derive(Clone, Debug)]
pub struct ReadyQueueKey {
    /// Partition key of the index: account and kind.
    pub(super) agenda: String,
    /// Sort key in that partition.
    pub rank: Rank,
}

impl ReadyQueueKey {
    #[must_use]
    pub fn new(account: AccountId, kind: &Name, rank: Rank) -> Self {
        Self { agenda: Key::ready_queue(account, kind), rank }
    }
}

/// Number of entries after which the search for due jobs ends. Running jobs are among the entries,
/// as many as there are workers.
const MAX_EXAMINED: usize = 1000;

impl JobStore {
    /// Reads a ready queue in order until `wanted` jobs due by `now` are found. The index is
    /// eventually consistent.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn ready_queue(
        &self,
        account: AccountId,
        kind: &Name,
        wanted: usize,
        now: Time,
    ) -> Result<Vec<ReadyJob>, Error> {
        let (mut entries, mut start) = (Vec::new(), None);
        // Running jobs are interleaved with due ones. If there are many, larger pages get past
        // them.
        let mut portion = wanted + 10;
        loop {
            let call =
                self.table.client.query().table_name(&self.table.name).index_name(READY_INDEX);
            let answer = call
                .key_condition_expression("agenda = :agenda")
                .expression_attribute_values(":agenda", text(Key::ready_queue(account, kind)))
                .limit(i32::try_from(portion).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|e| Error::of("Query", &e))?;
            entries.extend(answer.items.unwrap_or_default().iter().filter_map(entry));
            start = answer.last_evaluated_key;
            let due = entries.iter().filter(|entry| entry.due_at <= now).count();
            portion = (4 * portion).min(MAX_EXAMINED);
            if due >= wanted || start.is_none() || entries.len() >= MAX_EXAMINED {
                return Ok(entries);
            }
        }
    }

    /// Reads the jobs of these permits from the table itself, in the order of the permits, so that
    /// a lagging index can't hide them. A permit is a job and the number of its attempts when its
    /// message was sent.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn own_jobs(
        &self,
        account: AccountId,
        permits: &[(JobId, u32)],
        discipline: Discipline,
        now: Time,
    ) -> Result<Vec<PermitState>, Error> {
        let mut keys: Vec<_> = permits.iter().map(|(id, _)| Key::job(account, *id)).collect();
        keys.sort_by(|a, b| a.sk.cmp(&b.sk));
        keys.dedup();
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.iter().map(Key::attributes).collect()))
            .consistent_read(true)
            .projection_expression("sk, #status, priority, attempts, due_at, lease_until, agenda")
            .expression_attribute_names("#status", "status");
        let wanted = wanted.build().map_err(|e| Error::Refused(e.to_string()))?;
        let items = self.table.batch_get(wanted).await?;
        let known: HashMap<_, _> = items
            .iter()
            .filter_map(|item| Some((item.get("sk")?.as_s().ok()?.as_str(), item)))
            .collect();
        let own = permits.iter().map(|(id, attempts)| {
            let item = known.get(id.to_string().as_str())?;
            Some(own(item, (*id, *attempts), discipline, now))
        });
        Ok(own.map(|own| own.unwrap_or(PermitState::NotClaimable)).collect())
    }

    /// Adds a due job to the ready queue, where any permit may claim it. A job that was claimed
    /// since then stays unchanged, even if it is queued again.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn add_to_ready_queue(
        &self,
        account: AccountId,
        id: JobId,
        listing: &ReadyQueueKey,
        now: Time,
    ) -> Result<(), Error> {
        let update = Update {
            expression: "SET agenda = :agenda, #rank = :rank, due_at = :now".into(),
            condition: Some(
                "attribute_not_exists(agenda) AND \
                 ((#status = :queued AND (attribute_not_exists(due_at) OR due_at <= :early)) \
                 OR (#status = :running AND lease_until <= :now))",
            ),
            names: vec![("#status", "status"), ("#rank", "rank")],
            values: vec![
                (":agenda", text(&listing.agenda)),
                (":rank", text(listing.rank.as_str())),
                (":now", millis(now)),
                (":early", number(now.millis() + EARLY_MS)),
                (":queued", text(Status::Queued.as_str())),
                (":running", text(Status::Running.as_str())),
            ],
            returns: None,
        };
        match self.table.update(&Key::job(account, id), update).await? {
            Conditional::Done(_) | Conditional::Refused(_) => Ok(()),
        }
    }
}

fn entry(item: &Item) -> Option<ReadyJob> {
    let string = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
    Some(ReadyJob {
        id: string("sk")?.parse().ok()?,
        rank: Rank::from_text(string("rank")?.clone()),
        due_at: Time::from_millis(int(item, "due_at")?),
    })
}

fn own(
    item: &Item,
    (id, attempts): (JobId, u32),
    discipline: Discipline,
    now: Time,
) -> PermitState {
    let status = item.get("status").and_then(|value| value.as_s().ok()).map(String::as_str);
    let time = |name| int(item, name).map(Time::from_millis);
    let priority =
        int(item, "priority").and_then(|priority| u8::try_from(priority).ok()).unwrap_or(0);
    let Some(rank) = discipline.rank(id, priority) else { return PermitState::NotClaimable };
    let ready = PermitState::Ready { rank, listed: item.contains_key("agenda") };
    let early = Time::from_millis(now.millis() + EARLY_MS);
    match status {
        Some("queued") => match time("due_at") {
            // Another message, sent for the attempt that the job waits for, is on its way.
            Some(due) if due > early && int(item, "attempts") != Some(attempts.into()) => {
                PermitState::NotClaimable
            }
            Some(due) if due > early => PermitState::NotBefore(due),
            _ => ready,
        },
        Some("running") if time("lease_until").is_some_and(|until| until <= now) => ready,
        _ => PermitState::NotClaimable,
    }
}

pub(super) fn int(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
