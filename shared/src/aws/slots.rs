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
    table::{Condition, Conditional, Item, content, text},
};
use crate::{
    id::{AccountId, JobId},
    job::Status,
    time::Time,
};

/// The slots in which the jobs of an account with a cap run, as many as the cap allows at once.
///
/// A slot names the job that took it and the token of its claim, and is held for as long as that very claim runs: the end of the job
/// frees it, without a write of its own, and so does the end of its lease. So nothing leaks, and a job costs one write more.
///
/// Where a cap is reached, a look costs no more than one at the slots and at a portion of those who hold them, once a second.
#[derive(Debug)]
pub struct SlotStore {
    table: Table,
    /// Accounts without a free slot.
    full: Cache<AccountId, ()>,
}

/// A slot that nobody held when it was looked at.
#[derive(Clone, Debug)]
pub struct Slot {
    number: u32,
    /// The token that was last in it: taken since, it bears another.
    last: Option<String>,
}

impl Slot {
    /// Notes that the claim with this token took it.
    pub fn taken(&mut self, owner: &str) {
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

/// How many holders are looked up at a time.
const PORTION: usize = 25;
/// How many items one call reads.
const READS: usize = 100;
/// For how long an account counts as one without a free slot.
const FULL: Duration = Duration::from_secs(1);

impl SlotStore {
    /// The slots of a table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table, full: Cache::new(FULL) }
    }

    /// Those of the account's `cap` slots that are free at `now`, as far as it takes to find `wanted`. Of slots that seem to be held it is
    /// looked up whether they are for one portion, from the `turn`-th on, which is any number: what is missed this time is found another time.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn free(
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
        let mut taken = self.taken(account).await?;
        let held = |slot: &SlotItem| now.millis() < slot.held_until;
        let mut free: Vec<Slot> = (0..cap)
            .filter(|number| taken.get(number).is_none_or(|slot| !held(slot)))
            .map(|number| Slot { number, last: taken.get(&number).map(|slot| slot.owner.clone()) })
            .collect();
        taken.retain(|_, slot| held(slot));
        // After the cap was lowered, jobs run on in slots beyond it. They count, so those are looked up whatever it takes.
        let (beyond, mut doubtful): (Vec<_>, Vec<_>) =
            taken.into_iter().partition(|(number, _)| *number >= cap);
        doubtful.sort_by_key(|(number, _)| *number);
        let first = turn % doubtful.len().max(1);
        doubtful.rotate_left(first);
        doubtful.truncate(if free.len() < wanted { PORTION } else { 0 });
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

    /// Puts a claimed job into a slot; `false` if somebody was quicker. A repeated call is recognised by its token.
    ///
    /// # Errors
    /// When the table can't be written.
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
            expires_at: held_until.seconds_up(),
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
                let other: SlotItem = content("a slot", other)?;
                Ok(other.owner == owner)
            }
        }
    }

    async fn taken(&self, account: AccountId) -> Result<HashMap<u32, SlotItem>, Error> {
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
                taken.insert(number, content("a slot", item)?);
            }
        }
        Ok(taken)
    }

    /// Of these slots, the tokens of those whose claim runs.
    async fn still_held(
        &self,
        account: AccountId,
        slots: &[(u32, SlotItem)],
    ) -> Result<BTreeSet<String>, Error> {
        // A job that is tried again may be in two slots, of which the earlier is free.
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
