use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use type_safe_id::{StaticType, TypeSafeId};

use super::{
    Error, Table,
    key::Key,
    table::{Condition, Conditional, content, number, text},
};
use crate::{
    event,
    id::{AccountId, JobPrefix},
    time::Time,
};

/// A client's `Idempotency-Key`, hashed: what comes from outside never becomes a key of the table as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// For how long a key is remembered.
    pub const KEPT: Duration = Duration::from_secs(24 * 3600);

    /// Of the header's text, without quotes.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(text)))
    }
}

/// What requests were made with which `Idempotency-Key`.
#[derive(Clone, Debug)]
pub struct IdempotencyStore {
    table: Table,
}

/// What the record says about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun<T: StaticType = JobPrefix> {
    /// It is the first with this key.
    First,
    /// The same request came before; this is what it made, and when it came.
    Repeated {
        /// The id of the job, or the event.
        id: TypeSafeId<T>,
        /// When the first request came.
        since: Time,
        /// Of a batch, which of its jobs were accepted: a bit for each, the first the lowest.
        accepted: u128,
    },
    /// Another request came with this key.
    Other,
}

#[derive(Serialize, Deserialize)]
struct RecordItem {
    /// The id of a job or an event.
    job: String,
    fingerprint: String,
    created_at: i64,
    /// In hexadecimal; only of a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<String>,
    /// TTL, in seconds; a record that outlived it counts no more.
    expires_at: i64,
}

impl IdempotencyStore {
    /// The records of a table.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Records that a request with this fingerprint is about to make `id`, unless the key was used before; of a batch `accepted` has a bit
    /// for each job that is to be made.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn begin<T: StaticType>(
        &self,
        account: AccountId,
        key: &IdempotencyKey,
        fingerprint: &str,
        id: TypeSafeId<T>,
        accepted: Option<u128>,
        now: Time,
    ) -> Result<Begun<T>, Error> {
        let key = Key::idempotency(account, &key.0);
        let record = RecordItem {
            job: id.to_string(),
            fingerprint: fingerprint.to_owned(),
            created_at: now.millis(),
            accepted: accepted.map(|accepted| format!("{accepted:x}")),
            expires_at: (now + IdempotencyKey::KEPT).seconds_up(),
        };
        // TTL deletes late: a record that outlived its day is as good as none.
        let free = Condition {
            expression: "attribute_not_exists(pk) OR expires_at <= :now",
            names: Vec::new(),
            values: vec![(":now", number(now.millis().div_euclid(1000)))],
        };
        let Conditional::Refused(Some(item)) = self.table.put_if(&key, &record, free).await? else {
            return Ok(Begun::First);
        };
        let earlier: RecordItem = content("an idempotency record", item)?;
        if earlier.job == id.to_string() {
            return Ok(Begun::First);
        }
        earlier.tells(fingerprint)
    }

    /// Records that it is `new` that is made, and not `old`, which was not and never will be; `false` if it is another already.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn renew<T: StaticType>(
        &self,
        account: AccountId,
        key: &IdempotencyKey,
        fingerprint: &str,
        old: TypeSafeId<T>,
        new: TypeSafeId<T>,
        now: Time,
    ) -> Result<bool, Error> {
        let record = RecordItem {
            job: new.to_string(),
            fingerprint: fingerprint.to_owned(),
            created_at: now.millis(),
            accepted: None,
            expires_at: (now + event::KEPT).seconds_up(),
        };
        let unchanged = Condition {
            expression: "attribute_not_exists(pk) OR job = :old OR expires_at <= :now",
            names: Vec::new(),
            values: vec![
                (":old", text(old.to_string())),
                (":now", number(now.millis().div_euclid(1000))),
            ],
        };
        match self.table.put_if(&Key::idempotency(account, &key.0), &record, unchanged).await? {
            Conditional::Done(()) => Ok(true),
            Conditional::Refused(None) => Ok(false),
            // By this very call, whose answer was lost.
            Conditional::Refused(Some(item)) => {
                let other: RecordItem = content("an idempotency record", item)?;
                Ok(other.job == new.to_string())
            }
        }
    }

    /// What the same request made before, without recording anything.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn find<T: StaticType>(
        &self,
        account: AccountId,
        key: &IdempotencyKey,
        fingerprint: &str,
        now: Time,
    ) -> Result<Option<TypeSafeId<T>>, Error> {
        let Some(record) = self.record(account, key, now).await? else { return Ok(None) };
        match record.tells(fingerprint)? {
            Begun::Repeated { id, .. } => Ok(Some(id)),
            _ => Ok(None),
        }
    }

    /// Whether the same request was begun before.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn knows(
        &self,
        account: AccountId,
        key: &IdempotencyKey,
        fingerprint: &str,
        now: Time,
    ) -> Result<bool, Error> {
        let record = self.record(account, key, now).await?;
        Ok(record.is_some_and(|record| record.fingerprint == fingerprint))
    }

    /// The record of a key, if it counts.
    async fn record(
        &self,
        account: AccountId,
        key: &IdempotencyKey,
        now: Time,
    ) -> Result<Option<RecordItem>, Error> {
        let Some(item) = self.table.get(&Key::idempotency(account, &key.0), true).await? else {
            return Ok(None);
        };
        let record: RecordItem = content("an idempotency record", item)?;
        Ok(Some(record).filter(|record| now < Time::from_seconds(record.expires_at)))
    }
}

impl RecordItem {
    fn tells<T: StaticType>(&self, fingerprint: &str) -> Result<Begun<T>, Error> {
        // A request to another route has another fingerprint, so what it made is not looked at.
        if self.fingerprint != fingerprint {
            return Ok(Begun::Other);
        }
        let corrupt =
            |_| Error::Corrupt("an idempotency record", format!("{} is no such id", self.job));
        let accepted =
            self.accepted.as_deref().and_then(|bits| u128::from_str_radix(bits, 16).ok());
        Ok(Begun::Repeated {
            id: self.job.parse().map_err(corrupt)?,
            since: Time::from_millis(self.created_at),
            accepted: accepted.unwrap_or(0),
        })
    }
}
