use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use type_safe_id::{StaticType, TypeSafeId};

use super::{
    Error, Table,
    key::Key,
    table::{Condition, Conditional, number, parse_item, text},
};
use model::{
    event,
    id::{AccountId, JobPrefix},
    time::Time,
};

/// A client's `Idempotency-Key`, hashed: external text never becomes a table key unchanged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// How long a key is remembered.
    pub const KEPT: Duration = Duration::from_secs(24 * 3600);

    /// Hashes the header's value, given without quotes.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(text)))
    }
}

#[derive(Clone, Debug)]
pub struct IdempotencyStore {
    table: Table,
}

/// Result of recording a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeginResult<T: StaticType = JobPrefix> {
    /// First request with this key.
    First,
    /// A repeat of an earlier request.
    Repeated {
        /// Id of the job or event that the earlier request created.
        id: TypeSafeId<T>,
        /// Time of the first request.
        since: Time,
        /// Batches: bit mask of the accepted jobs; bit 0 is the first job.
        accepted: u128,
    },
    /// The key was used for a different request.
    DifferentRequest,
}

#[derive(Serialize, Deserialize)]
struct RecordItem {
    /// Id of a job or an event.
    job: String,
    fingerprint: String,
    created_at: i64,
    /// Hexadecimal; batches only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<String>,
    /// TTL, in seconds; expired records are ignored.
    expires_at: i64,
}

impl IdempotencyStore {
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { table }
    }

    /// Records that a request with this fingerprint is about to create `id`, unless the key is in
    /// use. For a batch, `accepted` has a bit for each job to create.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn begin<T: StaticType>(
        &self,
        account: AccountId,
        key: &IdempotencyKey,
        fingerprint: &str,
        id: TypeSafeId<T>,
        accepted: Option<u128>,
        now: Time,
    ) -> Result<BeginResult<T>, Error> {
        let key = Key::idempotency(account, &key.0);
        let record = RecordItem {
            job: id.to_string(),
            fingerprint: fingerprint.to_owned(),
            created_at: now.millis(),
            accepted: accepted.map(|accepted| format!("{accepted:x}")),
            expires_at: (now + IdempotencyKey::KEPT).seconds_ceil(),
        };
        // TTL deletes late, so an expired record counts as absent.
        let free = Condition {
            expression: "attribute_not_exists(pk) OR expires_at <= :now",
            names: Vec::new(),
            values: vec![(":now", number(now.millis().div_euclid(1000)))],
        };
        let Conditional::Refused(Some(item)) = self.table.put_if(&key, &record, free).await? else {
            return Ok(BeginResult::First);
        };
        let earlier: RecordItem = parse_item("an idempotency record", item)?;
        if earlier.job == id.to_string() {
            return Ok(BeginResult::First);
        }
        earlier.compare(fingerprint)
    }

    /// Replaces the id `old`, which is certain never to be created, with `new`. Returns `false` if
    /// another id replaced it first.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn replace_id<T: StaticType>(
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
            expires_at: (now + event::RETENTION).seconds_ceil(),
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
            // This call may have written it and lost the response.
            Conditional::Refused(Some(item)) => {
                let other: RecordItem = parse_item("an idempotency record", item)?;
                Ok(other.job == new.to_string())
            }
        }
    }

    /// Returns the id that an earlier identical request recorded. Records nothing.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn find<T: StaticType>(
        &self,
        account: AccountId,
        key: &IdempotencyKey,
        fingerprint: &str,
        now: Time,
    ) -> Result<Option<TypeSafeId<T>>, Error> {
        let Some(record) = self.record(account, key, now).await? else { return Ok(None) };
        match record.compare(fingerprint)? {
            BeginResult::Repeated { id, .. } => Ok(Some(id)),
            _ => Ok(None),
        }
    }

    /// Whether an identical request was recorded before.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn contains(
        &self,
        account: AccountId,
        key: &IdempotencyKey,
        fingerprint: &str,
        now: Time,
    ) -> Result<bool, Error> {
        let record = self.record(account, key, now).await?;
        Ok(record.is_some_and(|record| record.fingerprint == fingerprint))
    }

    /// Returns the record of a key unless it has expired.
    async fn record(
        &self,
        account: AccountId,
        key: &IdempotencyKey,
        now: Time,
    ) -> Result<Option<RecordItem>, Error> {
        let Some(item) = self.table.get(&Key::idempotency(account, &key.0), true).await? else {
            return Ok(None);
        };
        let record: RecordItem = parse_item("an idempotency record", item)?;
        Ok(Some(record).filter(|record| now < Time::from_seconds(record.expires_at)))
    }
}

impl RecordItem {
    fn compare<T: StaticType>(&self, fingerprint: &str) -> Result<BeginResult<T>, Error> {
        // Another route gives another fingerprint, so the id is not parsed before this check.
        if self.fingerprint != fingerprint {
            return Ok(BeginResult::DifferentRequest);
        }
        let corrupt =
            |_| Error::Corrupt("an idempotency record", format!("invalid id: {}", self.job));
        let accepted =
            self.accepted.as_deref().and_then(|bits| u128::from_str_radix(bits, 16).ok());
        Ok(BeginResult::Repeated {
            id: self.job.parse().map_err(corrupt)?,
            since: Time::from_millis(self.created_at),
            accepted: accepted.unwrap_or(0),
        })
    }
}
