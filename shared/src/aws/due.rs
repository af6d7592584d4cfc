use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::{
    Error, Table,
    key::{CURSORS, DUE_SHARDS, Key},
    table::{Condition, Conditional, Item, content, text},
};
use crate::{
    job::{
        Job,
        due::{DueEntry, Pass, Purpose},
        walk::Walk,
    },
    name::Name,
    time::Time,
};

/// How many entries are put side by side.
const PUT_AT_ONCE: usize = 25;

const HOUR_MS: i64 = 3_600_000;

/// The due list, and how far each pass over it came; see [`due`](crate::job::due).
#[derive(Clone, Debug)]
pub struct DueStore {
    table: Table,
}

/// Where a pass over one shard of the due list stands.
#[derive(Clone, Debug)]
pub struct DueCursor {
    pass: Pass,
    shard: u8,
    /// The sort key of the last entry that was handled, or the begin of an hour.
    reached: String,
    /// What the table says.
    stored: Option<String>,
}

/// The entries that follow a cursor.
#[derive(Debug)]
pub struct DuePage {
    /// By time.
    pub entries: Vec<DueEntry>,
    /// Whether there may be more up to the pass's horizon.
    pub more: bool,
    reached: String,
}

#[derive(Serialize, Deserialize)]
struct EntryItem {
    kind: Name,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    verify: bool,
    /// TTL, in seconds.
    expires_at: i64,
}

#[derive(Serialize, Deserialize)]
struct CursorItem {
    reached: String,
}

impl DueStore {
    /// The due list of a table.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Puts an entry. One that is there already, for the same job and time, is replaced.
    ///
    /// # Errors
    /// When the table can't be written; the entry may still be stored.
    pub async fn put(&self, entry: &DueEntry) -> Result<(), Error> {
        let item = EntryItem {
            kind: entry.kind.clone(),
            verify: entry.purpose == Purpose::Verify,
            expires_at: entry.expiry().seconds_up(),
        };
        self.table.put(&Key::due(entry.due, entry.account, entry.id), &item).await
    }

    /// Puts a job on the list to be verified, if its id is so old that the walk over all jobs has passed it: its request was resumed, it is
    /// retried, or it is made for a time in the past.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn verify_late(&self, job: &Job, now: Time) -> Result<(), Error> {
        if !Walk::misses(job.created_at(), now) {
            return Ok(());
        }
        let (account, id, kind) = (job.account, job.id, job.kind.clone());
        self.put(&DueEntry { due: now, account, id, kind, purpose: Purpose::Verify }).await
    }

    /// Puts many entries.
    ///
    /// # Errors
    /// When the table can't be written; some may still be stored.
    pub async fn put_all(&self, entries: &[DueEntry]) -> Result<(), Error> {
        let puts = stream::iter(entries).map(|entry| self.put(entry)).buffer_unordered(PUT_AT_ONCE);
        puts.try_collect().await
    }

    /// Where a pass stands in each shard. One query.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn cursors(&self, pass: Pass, now: Time) -> Result<Vec<DueCursor>, Error> {
        let prefix = format!("{}#", pass.as_str());
        let stored: Vec<_> = self.table.partition(CURSORS, Some(&prefix)).await?;
        let of = |shard: u8| {
            let key = Key::due_cursor(pass.as_str(), shard);
            let item = stored
                .iter()
                .find(|item| item.get("sk").and_then(|sk| sk.as_s().ok()) == Some(&key.sk));
            let known: Option<CursorItem> =
                item.cloned().map(|item| content("a cursor", item)).transpose()?;
            let stored = known.map(|cursor| cursor.reached);
            // What a stack's first check finds behind its cursor, its first walk puts on the list again.
            let first = || hour_begin(pass.horizon(now).min(now).millis());
            let reached = stored.clone().unwrap_or_else(first);
            Ok(DueCursor { pass, shard, reached, stored })
        };
        (0..DUE_SHARDS).map(of).collect()
    }

    /// Up to `limit` entries after a cursor, of one hour, up to the pass's horizon at `now`. One query, eventually consistent: an entry is
    /// put minutes before a cursor reaches it.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn page(
        &self,
        cursor: &DueCursor,
        now: Time,
        limit: usize,
    ) -> Result<DuePage, Error> {
        let horizon = cursor.pass.horizon(now).millis();
        let hour = millis_of(&cursor.reached);
        if hour > horizon {
            return Ok(DuePage {
                entries: Vec::new(),
                more: false,
                reached: cursor.reached.clone(),
            });
        }
        let call = self.table.client.query().table_name(&self.table.name);
        let answer = call
            .key_condition_expression("pk = :hour AND sk BETWEEN :after AND :until")
            .expression_attribute_values(":hour", text(Key::due_hour(hour, cursor.shard)))
            // No key of the list begins with another one.
            .expression_attribute_values(":after", text(format!("{}#", cursor.reached)))
            .expression_attribute_values(":until", text(format!("{horizon:013}~")))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|e| Error::of("Query", &e))?;
        let is_cut = answer.last_evaluated_key.is_some();
        let items = answer.items.unwrap_or_default();
        let last = items.last().and_then(|item| item.get("sk")?.as_s().ok()).cloned();
        let entries = items.into_iter().filter_map(entry).collect();
        let next_hour = hour_begin(hour + HOUR_MS);
        let is_over = !is_cut && millis_of(&next_hour) <= horizon;
        let reached =
            if is_over { next_hour } else { last.unwrap_or_else(|| cursor.reached.clone()) };
        Ok(DuePage { entries, more: is_cut || is_over, reached })
    }

    /// Saves a cursor, if it passed an entry or the end of an hour since it was read. None if another run saved it: then that one goes on.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn save(&self, cursor: DueCursor) -> Result<Option<DueCursor>, Error> {
        if cursor.stored.as_ref() == Some(&cursor.reached) {
            return Ok(Some(cursor));
        }
        let condition = match &cursor.stored {
            None => Condition::no_item(),
            Some(stored) => Condition {
                expression: "reached = :stored",
                names: Vec::new(),
                values: vec![(":stored", text(stored))],
            },
        };
        let key = Key::due_cursor(cursor.pass.as_str(), cursor.shard);
        let item = CursorItem { reached: cursor.reached.clone() };
        let saved = DueCursor { stored: Some(cursor.reached.clone()), ..cursor };
        Ok(match self.table.put_if(&key, &item, condition).await? {
            Conditional::Done(()) => Some(saved),
            // This very call saved it, and its answer was lost; or another run did, behind the same page.
            Conditional::Refused(Some(item)) if is_at(&item, &saved.reached) => Some(saved),
            Conditional::Refused(_) => None,
        })
    }
}

impl DueCursor {
    /// The same behind a page that was handled.
    #[must_use]
    pub fn behind(self, page: &DuePage) -> Self {
        Self { reached: page.reached.clone(), ..self }
    }
}

fn is_at(item: &Item, reached: &str) -> bool {
    item.get("reached").and_then(|at| at.as_s().ok()).is_some_and(|at| at == reached)
}

fn hour_begin(millis: i64) -> String {
    format!("{:013}", millis.div_euclid(HOUR_MS) * HOUR_MS)
}

/// The time with which a sort key of the list begins.
fn millis_of(reached: &str) -> i64 {
    reached.get(..13).and_then(|millis| millis.parse().ok()).unwrap_or(0)
}

fn entry(item: Item) -> Option<DueEntry> {
    let sk = item.get("sk").and_then(|sk: &AttributeValue| sk.as_s().ok()).cloned()?;
    let EntryItem { kind, verify, .. } = content("the due list", item).ok()?;
    let mut parts = sk.split('#').skip(1);
    Some(DueEntry {
        due: Time::from_millis(millis_of(&sk)),
        account: parts.next()?.parse().ok()?,
        id: parts.next()?.parse().ok()?,
        kind,
        purpose: if verify { Purpose::Verify } else { Purpose::Release },
    })
}
