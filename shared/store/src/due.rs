use aws_sdk_dynamodb::types::AttributeValue;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::{
    Error, Table,
    key::{CURSORS, DUE_SHARDS, Key},
    table::{Condition, Conditional, Item, parse_item, text},
};
use model::{
    job::{
        Job,
        due::{DueEntry, Pass, Purpose},
        scan::Scan,
    },
    name::Name,
    time::Time,
};

/// Number of parallel puts.
const PUT_AT_ONCE: usize = 25;

const HOUR_MS: i64 = 3_600_000;

/// The due list and the cursors of the passes over it; see [`due`](model::job::due).
#[derive(Clone, Debug)]
pub struct DueStore {
    table: Table,
}

/// Progress of a pass over one shard of the due list.
#[derive(Clone, Debug)]
pub struct DueCursor {
    pass: Pass,
    shard: u8,
    /// Sort key of the last handled entry, or the start of an hour.
    reached: String,
    /// The stored value, for the conditional write.
    stored: Option<String>,
}

/// The entries after a cursor.
#[derive(Debug)]
pub struct DuePage {
    /// Ordered by due time.
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
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Stores an entry. An existing entry of the same job and time is replaced.
    ///
    /// # Errors
    /// Fails when the table can't be written; the entry may still be stored.
    pub async fn put(&self, entry: &DueEntry) -> Result<(), Error> {
        let item = EntryItem {
            kind: entry.kind.clone(),
            verify: entry.purpose == Purpose::Verify,
            expires_at: entry.expiry().seconds_ceil(),
        };
        self.table.put(&Key::due(entry.due, entry.account, entry.id), &item).await
    }

    /// Adds a job for verification if the walk over all jobs has already passed its id. This
    /// happens if its request was resumed, the job is retried, or its id has a past time.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn verify_late(&self, job: &Job, now: Time) -> Result<(), Error> {
        if !Scan::is_missed(job.created_at(), now) {
            return Ok(());
        }
        let (account, id, kind) = (job.account, job.id, job.kind.clone());
        self.put(&DueEntry { due: now, account, id, kind, purpose: Purpose::Verify }).await
    }

    /// Stores many entries.
    ///
    /// # Errors
    /// Fails when the table can't be written; some entries may be stored.
    pub async fn put_all(&self, entries: &[DueEntry]) -> Result<(), Error> {
        let puts = stream::iter(entries).map(|entry| self.put(entry)).buffer_unordered(PUT_AT_ONCE);
        puts.try_collect().await
    }

    /// Returns the cursor of a pass for each shard. One query.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn cursors(&self, pass: Pass, now: Time) -> Result<Vec<DueCursor>, Error> {
        let prefix = format!("{}#", pass.as_str());
        let stored: Vec<_> = self.table.partition(CURSORS, Some(&prefix)).await?;
        let of = |shard: u8| {
            let key = Key::due_cursor(pass.as_str(), shard);
            let item = stored
                .iter()
                .find(|item| item.get("sk").and_then(|sk| sk.as_s().ok()) == Some(&key.sk));
            let known: Option<CursorItem> =
                item.cloned().map(|item| parse_item("a cursor", item)).transpose()?;
            let stored = known.map(|cursor| cursor.reached);
            // Entries behind the cursor of a stack's first run are added again by its first walk.
            let first = || hour_begin(pass.horizon(now).min(now).millis());
            let reached = stored.clone().unwrap_or_else(first);
            Ok(DueCursor { pass, shard, reached, stored })
        };
        (0..DUE_SHARDS).map(of).collect()
    }

    /// Returns up to `limit` entries after a cursor, within one hour and up to the pass's horizon
    /// at `now`.
    ///
    /// One eventually consistent query: entries are stored minutes before a cursor reaches them.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn page(
        &self,
        cursor: &DueCursor,
        now: Time,
        limit: usize,
    ) -> Result<DuePage, Error> {
        let horizon = cursor.pass.horizon(now).millis();
        let hour = parse_millis(&cursor.reached);
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
            // No key of the list is a prefix of another one.
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
        let is_over = !is_cut && parse_millis(&next_hour) <= horizon;
        let reached =
            if is_over { next_hour } else { last.unwrap_or_else(|| cursor.reached.clone()) };
        Ok(DuePage { entries, more: is_cut || is_over, reached })
    }

    /// Saves a cursor if it advanced since it was read. Returns `None` if another run saved it;
    /// that run continues.
    ///
    /// # Errors
    /// Fails when the table can't be written.
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
            // This call saved it and its response was lost, or another run saved the same position.
            Conditional::Refused(Some(item)) if has_reached(&item, &saved.reached) => Some(saved),
            Conditional::Refused(_) => None,
        })
    }
}

impl DueCursor {
    /// Moves the cursor past a handled page.
    #[must_use]
    pub fn after_page(self, page: &DuePage) -> Self {
        Self { reached: page.reached.clone(), ..self }
    }
}

fn has_reached(item: &Item, reached: &str) -> bool {
    item.get("reached").and_then(|at| at.as_s().ok()).is_some_and(|at| at == reached)
}

fn hour_begin(millis: i64) -> String {
    format!("{:013}", millis.div_euclid(HOUR_MS) * HOUR_MS)
}

/// The time at the start of a sort key.
fn parse_millis(reached: &str) -> i64 {
    reached.get(..13).and_then(|millis| millis.parse().ok()).unwrap_or(0)
}

fn entry(item: Item) -> Option<DueEntry> {
    let sk = item.get("sk").and_then(|sk: &AttributeValue| sk.as_s().ok()).cloned()?;
    let EntryItem { kind, verify, .. } = parse_item("the due list", item).ok()?;
    let mut parts = sk.split('#').skip(1);
    Some(DueEntry {
        due: Time::from_millis(parse_millis(&sk)),
        account: parts.next()?.parse().ok()?,
        id: parts.next()?.parse().ok()?,
        kind,
        purpose: if verify { Purpose::Verify } else { Purpose::Release },
    })
}
