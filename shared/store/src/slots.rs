use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::{
    Error, Table,
    cache::Cache,
    key::Key,
    table::{Condition, Conditional, Item, parse_item, text},
};
use model::{
    id::{AccountId, JobId},
    job::Status,
    time::Time,
};

/// Concurrency slots of accounts with a concurrency limit; an account has as many slots as its
/// limit.
///
/// A slot stores the job that took it and that job's lease token. It is held while that claim runs:
/// the end of the job or of its lease frees it without a write. Slots therefore can't leak, and
/// cost one extra write per job.
///
/// At the limit, a check reads the slots and a portion of their holders, at most once per second.
#[derive(Debug)]
pub struct SlotStore {
    table: Table,
    /// Accounts without a free slot.
    full: Cache<AccountId, ()>,
}

/// A slot that was free when it was read.
#[derive(Clone, Debug)]
pub struct Slot {
    number: u32,
    /// Token of the last holder; it changes when the slot is taken.
    last: Option<String>,
}

impl Slot {
    /// Records that the claim with this token took the slot.
    pub fn record_taken(&mut self, owner: &str) {
        self.last = Some(owner.to_owned());
    }
}

#[derive(Serialize, Deserialize)]
struct SlotItem {
    job: JobId,
    owner: String,
    held_until: i64,
    /// TTL, in seconds.
    expires_at: i64,
}

/// Number of holders checked per call of [`SlotStore::find_free`].
const HOLDERS_PER_CHECK: usize = 25;
/// Items per BatchGetItem call.
const READS: usize = 100;
/// How long an account is remembered as full.
const FULL: Duration = Duration::from_secs(1);

impl SlotStore {
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table, full: Cache::new(FULL) }
    }

    /// Returns free slots among the account's `cap` slots at `now`, reading only as much as needed
    /// to find `wanted`.
    ///
    /// Checks one portion of the slots that appear held, beginning at offset `turn` (any number).
    /// Later calls check the rest.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn find_free(
        &self,
        account: AccountId,
        cap: u32,
        wanted: usize,
        turn: usize,
        now: Time,
    ) -> Result<Vec<Slot>, Error> {
        if self.full.get(&account, now).is_some() {
            return Ok(Vec::new());
        }
        let mut taken = self.read_slots(account).await?;
        let held = |slot: &SlotItem| now.millis() < slot.held_until;
        let mut free: Vec<Slot> = (0..cap)
            .filter(|number| taken.get(number).is_none_or(|slot| !held(slot)))
            .map(|number| Slot { number, last: taken.get(&number).map(|slot| slot.owner.clone()) })
            .collect();
        taken.retain(|_, slot| held(slot));
        // After the limit was lowered, jobs keep running in slots beyond it. They count, so all of
        // these are checked.
        let (beyond, mut doubtful): (Vec<_>, Vec<_>) =
            taken.into_iter().partition(|(number, _)| *number >= cap);
        doubtful.sort_by_key(|(number, _)| *number);
        let first = turn % doubtful.len().max(1);
        doubtful.rotate_left(first);
        doubtful.truncate(if free.len() < wanted { HOLDERS_PER_CHECK } else { 0 });
        let (beyond, over) = tokio::try_join!(
            self.still_held(account, &beyond),
            self.still_held(account, &doubtful)
        )?;
        let over = doubtful.into_iter().filter(|(_, slot)| !over.contains(&slot.owner));
        free.extend(over.map(|(number, slot)| Slot { number, last: Some(slot.owner) }));
        free.truncate(free.len().saturating_sub(beyond.len()));
        if free.is_empty() {
            self.full.put(account, (), now);
        }
        Ok(free)
    }

    /// Assigns a slot to a claimed job. Returns `false` if another claim took it first. A repeated
    /// call is recognised by its token.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn take(
        &self,
        account: AccountId,
        slot: &Slot,
        job: JobId,
        owner: &str,
        held_until: Time,
    ) -> Result<bool, Error> {
        let item = SlotItem {
            job,
            owner: owner.to_owned(),
            held_until: held_until.millis(),
            expires_at: held_until.seconds_ceil(),
        };
        let unchanged = match &slot.last {
            None => Condition::no_item(),
            Some(last) => Condition {
                expression: "attribute_not_exists(pk) OR #owner = :last",
                names: vec![("#owner", "owner")],
                values: vec![(":last", text(last))],
            },
        };
        match self.table.put_if(&Key::slot(account, slot.number), &item, unchanged).await? {
            Conditional::Done(()) => Ok(true),
            Conditional::Refused(None) => Ok(false),
            Conditional::Refused(Some(other)) => {
                let other: SlotItem = parse_item("a slot", other)?;
                Ok(other.owner == owner)
            }
        }
    }

    async fn read_slots(&self, account: AccountId) -> Result<HashMap<u32, SlotItem>, Error> {
        let call = self.table.client.query().table_name(&self.table.name).consistent_read(true);
        let mut pages = call
            .key_condition_expression("pk = :slots")
            .expression_attribute_values(":slots", text(Key::slots(account)))
            .into_paginator()
            .items()
            .send();
        let mut taken = HashMap::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| Error::of("Query", &e))?;
            let number = item.get("sk").and_then(|sk| sk.as_s().ok()?.parse().ok());
            if let Some(number) = number {
                taken.insert(number, parse_item("a slot", item)?);
            }
        }
        Ok(taken)
    }

    /// Returns the tokens of those slots whose claim still runs.
    async fn still_held(
        &self,
        account: AccountId,
        slots: &[(u32, SlotItem)],
    ) -> Result<BTreeSet<String>, Error> {
        // A retried job may be in two slots; the earlier one is free.
        let jobs: BTreeSet<JobId> = slots.iter().map(|(_, slot)| slot.job).collect();
        let jobs: Vec<_> = jobs.into_iter().collect();
        let portions = jobs.chunks(READS).map(async |jobs| {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(
                    jobs.iter().map(|job| Key::job(account, *job).attributes()).collect(),
                ))
                .consistent_read(true)
                .projection_expression("#status, #owner")
                .expression_attribute_names("#status", "status")
                .expression_attribute_names("#owner", "owner");
            let wanted = wanted.build().map_err(|e| Error::Refused(e.to_string()))?;
            self.table.batch_get(wanted).await
        });
        let items: Vec<_> = try_join_all(portions).await?.into_iter().flatten().collect();
        let string = |item: &Item, name: &str| item.get(name)?.as_s().ok().cloned();
        let running = items.iter().filter_map(|item| {
            let runs = string(item, "status")? == Status::Running.as_str();
            string(item, "owner").filter(|_| runs)
        });
        Ok(running.collect())
    }
}
