//! Quota states. They share a partition, so that a run reads them with one query per MB.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::QuotaStore;
use crate::{
    Error,
    key::{Key, QUOTA_STATES},
    table::{Condition, Conditional, Item, parse_item, text},
};
use model::{name::Name, quota::QuotaState, time::Time};

/// States per query. A query is limited to 1 MB, which is about as many.
const PAGE: usize = 1000;

/// Identifies a stored version of a quota state, for conditional writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision(String);

/// A quota state as read.
#[derive(Clone, Debug)]
pub struct StoredQuotaState {
    pub quota: Name,
    pub state: QuotaState,
    /// Required by the next write.
    pub revision: Revision,
    /// End of the lease of the run that sends events and mail for this quota, if any.
    pub leased_until: Option<Time>,
}

/// Item without its key.
#[derive(Serialize, Deserialize)]
struct StateItem {
    revision: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leased_until: Option<i64>,
    /// JSON.
    standing: String,
}

impl QuotaStore {
    /// Returns the states of all quotas by name, including deleted quotas. A state that can't be
    /// parsed is an error in its own entry.
    ///
    /// The reads are consistent: a decision on stale data would fail its conditional write and lose
    /// a minute. One query per MB, at one read unit per 4 KB.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn states(&self) -> Result<BTreeMap<String, Result<StoredQuotaState, Error>>, Error> {
        let mut all = BTreeMap::new();
        loop {
            let after = all.last_key_value().map(|(name, _): (&String, _)| name.as_str());
            let (items, more) = self.table.page(QUOTA_STATES, after, PAGE, true).await?;
            for item in items {
                all.insert(name_of(&item)?.to_owned(), read(item));
            }
            if !more {
                return Ok(all);
            }
        }
    }

    /// Returns the states of at most 100 quotas in one read. Quotas not yet evaluated are missing.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn states_of(&self, quotas: &[Name]) -> Result<Vec<StoredQuotaState>, Error> {
        if quotas.is_empty() {
            return Ok(Vec::new());
        }
        let keys =
            quotas.iter().map(|quota| Key::definition(QUOTA_STATES, quota).attributes()).collect();
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).build();
        let items =
            self.table.batch_get(wanted.map_err(|e| Error::Refused(e.to_string()))?).await?;
        items.into_iter().map(read).collect()
    }

    /// Returns the state of a quota; `None` if it was not evaluated yet.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn state(&self, quota: &Name) -> Result<Option<StoredQuotaState>, Error> {
        self.table.get(&Key::definition(QUOTA_STATES, quota), false).await?.map(read).transpose()
    }

    /// Writes a quota state, unless it was written since `before`. With a lease, other runs leave
    /// its events and mail to this run until the lease ends. Returns `None` if another run wrote
    /// first.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn put_state(
        &self,
        quota: &Name,
        before: Option<&Revision>,
        standing: &QuotaState,
        leased_until: Option<Time>,
    ) -> Result<Option<Revision>, Error> {
        let revision = Uuid::new_v4().to_string();
        let item = StateItem {
            revision: revision.clone(),
            leased_until: leased_until.map(Time::millis),
            standing: serde_json::to_string(standing)
                .map_err(|e| Error::Corrupt("this version", e.to_string()))?,
        };
        let condition = before.map_or_else(Condition::no_item, is_at);
        match self.table.put_if(&Key::definition(QUOTA_STATES, quota), &item, condition).await? {
            Conditional::Done(()) => Ok(Some(Revision(revision))),
            // An SDK retry after a lost response may find this call's own write.
            Conditional::Refused(Some(item)) => {
                let written = parse_item::<StateItem>(NOUN, item)?.revision;
                Ok((written == revision).then_some(Revision(revision)))
            }
            Conditional::Refused(None) => Ok(None),
        }
    }

    /// Deletes a quota state, unless it was written since `before`.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn delete_state(&self, quota: &Name, before: &Revision) -> Result<(), Error> {
        self.table
            .delete(&Key::definition(QUOTA_STATES, quota), Some(is_at(before)))
            .await
            .map(drop)
    }
}

fn is_at(revision: &Revision) -> Condition {
    Condition {
        expression: "revision = :revision",
        names: Vec::new(),
        values: vec![(":revision", text(&*revision.0))],
    }
}

const NOUN: &str = "a quota state";

fn corrupt(why: impl Into<String>) -> Error {
    Error::Corrupt(NOUN, why.into())
}

fn name_of(item: &Item) -> Result<&str, Error> {
    let name = item.get("sk").and_then(|sk| sk.as_s().ok());
    name.map(String::as_str).ok_or_else(|| corrupt("name missing"))
}

fn read(item: Item) -> Result<StoredQuotaState, Error> {
    let quota = name_of(&item)?.parse().map_err(|_| corrupt("invalid name in key"))?;
    let StateItem { revision, leased_until, standing } = parse_item(NOUN, item)?;
    Ok(StoredQuotaState {
        quota,
        state: serde_json::from_str(&standing).map_err(|error| corrupt(error.to_string()))?,
        revision: Revision(revision),
        leased_until: leased_until.map(Time::from_millis),
    })
}
