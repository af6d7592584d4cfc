use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use serde::{Deserialize, Serialize};

use super::{
    Error, Table,
    key::Key,
    table::{Condition, Conditional, content, text},
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
#[derive(Clone, Debug)]
pub struct SlotStore {
    table: Table,
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

impl SlotStore {
    /// The slots of a table.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Those of the account's `cap` slots that are free at `now`; once `wanted` are found, it doesn't look whether those that seem to be
    /// held really are.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn free(
        &self,
        account: AccountId,
        cap: u32,
        wanted: usize,
        now: Time,
    ) -> Result<Vec<Slot>, Error> {
        let mut taken: HashMap<u32, SlotItem> = self.taken(account).await?;
        let held = |slot: &SlotItem| now.millis() < slot.held_until;
        let mut free: Vec<Slot> = (0..cap)
            .filter(|number| taken.get(number).is_none_or(|slot| !held(slot)))
            .map(|number| Slot { number, last: taken.get(&number).map(|slot| slot.owner.clone()) })
            .collect();
        // After the cap was lowered, jobs run on in slots beyond it; they count.
        taken.retain(|_, slot| held(slot));
        let mut beyond = 0;
        let mut doubtful: Vec<_> = taken.into_iter().collect();
        doubtful.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        for portion in doubtful.chunks(PORTION) {
            if free.len() >= wanted + beyond && portion.iter().all(|(number, _)| *number < cap) {
                break;
            }
            let running = self.running(account, portion.iter().map(|(_, slot)| slot.job)).await?;
            for (number, slot) in portion {
                let runs = running.get(&slot.job) == Some(&slot.owner);
                if *number >= cap {
                    beyond += usize::from(runs);
                } else if !runs {
                    free.push(Slot { number: *number, last: Some(slot.owner.clone()) });
                }
            }
        }
        free.truncate(free.len().saturating_sub(beyond));
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

    /// Of these jobs, those that run, with the token that they run under.
    async fn running(
        &self,
        account: AccountId,
        jobs: impl Iterator<Item = JobId>,
    ) -> Result<HashMap<JobId, String>, Error> {
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(jobs.map(|job| Key::job(account, job).attributes()).collect()))
            .consistent_read(true)
            .projection_expression("sk, #status, #owner")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#owner", "owner");
        let wanted = wanted.build().map_err(|e| Error::Refused(e.to_string()))?;
        let items = self.table.batch_get(wanted).await?;
        let string = |item: &super::table::Item, name: &str| item.get(name)?.as_s().ok().cloned();
        let running = items.iter().filter_map(|item| {
            let runs = string(item, "status")? == Status::Running.as_str();
            Some((string(item, "sk")?.parse().ok()?, string(item, "owner").filter(|_| runs)?))
        });
        Ok(running.collect())
    }
}
