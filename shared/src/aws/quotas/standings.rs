//! How quotas stand. They are a partition, so that a run reads them all in a query for each megabyte.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::QuotaStore;
use crate::{
    aws::{
        Error,
        key::{Key, QUOTA_STATES},
        table::{Condition, Conditional, Item, content, text},
    },
    name::Name,
    quota::Standing,
    time::Time,
};

/// How many standings one query asks for; it ends at a megabyte, which is about as many.
const PAGE: usize = 1000;

/// Which writing of a standing it is that somebody read, or made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision(String);

/// A standing as it was read.
#[derive(Clone, Debug)]
pub struct Known {
    /// Of which quota.
    pub quota: Name,
    /// How it stands.
    pub standing: Standing,
    /// To be named by whoever writes it next.
    pub revision: Revision,
    /// Until when somebody is at what is to be done, if somebody is.
    pub leased_until: Option<Time>,
}

/// Except for its key.
#[derive(Serialize, Deserialize)]
struct StandingItem {
    revision: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leased_until: Option<i64>,
    /// JSON.
    standing: String,
}

impl QuotaStore {
    /// How all quotas stand, by their names, those that are gone among them, as every write that was answered before left them: a query for
    /// each megabyte, at a read unit for 4 KB. Who decided by what was true a moment ago would find his write refused, and lose a minute.
    /// A standing that can't be understood is an error in its own place.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn standings(&self) -> Result<BTreeMap<String, Result<Known, Error>>, Error> {
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

    /// How some quotas stand, at most a hundred: one read. Those at which nobody looked yet are missing.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn standings_of(&self, quotas: &[Name]) -> Result<Vec<Known>, Error> {
        if quotas.is_empty() {
            return Ok(Vec::new());
        }
        let keys =
            quotas.iter().map(|quota| Key::named(QUOTA_STATES, quota).attributes()).collect();
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).build();
        let items =
            self.table.batch_get(wanted.map_err(|e| Error::Refused(e.to_string()))?).await?;
        items.into_iter().map(read).collect()
    }

    /// How a quota stands, if anybody looked yet.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn standing(&self, quota: &Name) -> Result<Option<Known>, Error> {
        self.table.get(&Key::named(QUOTA_STATES, quota), false).await?.map(read).transpose()
    }

    /// Writes how a quota stands, unless somebody did since `before`; with a lease, nobody else does what is to be done until that is over.
    /// `None` if somebody was quicker.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn stand(
        &self,
        quota: &Name,
        before: Option<&Revision>,
        standing: &Standing,
        leased_until: Option<Time>,
    ) -> Result<Option<Revision>, Error> {
        let revision = Uuid::new_v4().to_string();
        let item = StandingItem {
            revision: revision.clone(),
            leased_until: leased_until.map(Time::millis),
            standing: serde_json::to_string(standing)
                .map_err(|e| Error::Corrupt("this version", e.to_string()))?,
        };
        let condition = before.map_or_else(Condition::no_item, is_at);
        match self.table.put_if(&Key::named(QUOTA_STATES, quota), &item, condition).await? {
            Conditional::Done(()) => Ok(Some(Revision(revision))),
            // The SDK repeats a call whose answer was lost: it may have been this one.
            Conditional::Refused(Some(item)) => {
                let written = content::<StandingItem>(NOUN, item)?.revision;
                Ok((written == revision).then_some(Revision(revision)))
            }
            Conditional::Refused(None) => Ok(None),
        }
    }

    /// Forgets how a quota stood, unless somebody wrote it since.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn forget(&self, quota: &Name, before: &Revision) -> Result<(), Error> {
        self.table.delete(&Key::named(QUOTA_STATES, quota), Some(is_at(before))).await.map(drop)
    }
}

fn is_at(revision: &Revision) -> Condition {
    Condition {
        expression: "revision = :revision",
        names: Vec::new(),
        values: vec![(":revision", text(&*revision.0))],
    }
}

const NOUN: &str = "a quota's standing";

fn corrupt(why: impl Into<String>) -> Error {
    Error::Corrupt(NOUN, why.into())
}

fn name_of(item: &Item) -> Result<&str, Error> {
    let name = item.get("sk").and_then(|sk| sk.as_s().ok());
    name.map(String::as_str).ok_or_else(|| corrupt("it has no name"))
}

fn read(item: Item) -> Result<Known, Error> {
    let quota = name_of(&item)?.parse().map_err(|_| corrupt("its key is no name"))?;
    let StandingItem { revision, leased_until, standing } = content(NOUN, item)?;
    Ok(Known {
        quota,
        standing: serde_json::from_str(&standing).map_err(|error| corrupt(error.to_string()))?,
        revision: Revision(revision),
        leased_until: leased_until.map(Time::from_millis),
    })
}
