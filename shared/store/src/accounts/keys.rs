//! API keys of accounts.

use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use serde::{Deserialize, Serialize};
use serde_dynamo::AttributeValue as Bytes;

use super::{AccountStore, read_account};
use crate::{
    Error,
    key::Key,
    table::{Conditional, Item, Update, millis, parse_item, seconds},
};
use model::{
    account::{Account, ApiKey, KeyRecord, Scopes},
    id::{self, AccountId, KeyId},
    push::{Credential, Subscriber},
    time::Time,
};

/// How long an expired or revoked key is still listed.
const KEEP_LISTED: Duration = Duration::from_secs(30 * 24 * 3600);
/// Maximum expected replication lag of reads. Younger keys and accounts use a consistent read, so
/// that they work immediately.
pub(super) const MAX_REPLICATION_LAG: Duration = Duration::from_secs(5);
/// Resolution of `last_used_at`.
pub(super) const HOUR: Duration = Duration::from_secs(3600);

#[derive(Serialize, Deserialize)]
struct KeyItem {
    name: String,
    digest: Bytes,
    scopes: Scopes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_until: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_at: Option<i64>,
    created_at: i64,
    /// TTL, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

impl AccountStore {
    /// Returns a key and its account in one read; the data is at most 8 s old. `None` if there is
    /// no such key. The caller verifies the secret with [`KeyRecord::accepts`].
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn caller(
        &self,
        key: &ApiKey,
        now: Time,
    ) -> Result<Option<Arc<(KeyRecord, Account)>>, Error> {
        self.known(key.account, key.id, now).await
    }

    /// Whether a subscriber may still receive events: its key or token is valid and its account
    /// active. The data is at most 8 s old.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn may_receive_events(
        &self,
        subscriber: &Subscriber,
        now: Time,
    ) -> Result<bool, Error> {
        Ok(match subscriber.by {
            Credential::Key(key) => {
                let known = self.known(subscriber.account, key, now).await?;
                known.is_some_and(|known| known.0.is_valid(now) && known.1.is_active)
            }
            Credential::TokenUntil(until) => {
                let account = self.get_cached(subscriber.account, now).await?;
                now < until && account.is_some_and(|account| account.is_active)
            }
        })
    }

    async fn known(
        &self,
        account: AccountId,
        key: KeyId,
        now: Time,
    ) -> Result<Option<Arc<(KeyRecord, Account)>>, Error> {
        if let Some(known) = self.callers.get(&(account, key), now) {
            return Ok(Some(known));
        }
        let keys = [Key::account(account), Key::api_key(account, key)];
        let wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys.iter().map(Key::attributes).collect()))
            .consistent_read(now.since(id::time_of(&key)) < MAX_REPLICATION_LAG)
            .build();
        let wanted = wanted.map_err(|e| Error::Refused(e.to_string()))?;
        let mut items = self.table.batch_get(wanted).await?;
        let mut take = |key: &Key| {
            let at = items
                .iter()
                .position(|item| item.get("sk").and_then(|sk| sk.as_s().ok()) == Some(&key.sk))?;
            Some(items.swap_remove(at))
        };
        let (Some(profile), Some(record)) = (take(&keys[0]), take(&keys[1])) else {
            return Ok(None);
        };
        let found = Arc::new((read_key(account, key, record)?, read_account(account, profile)?));
        self.callers.put((account, key), found.clone(), now);
        Ok(Some(found))
    }

    /// Returns up to `limit` keys of an account after `after`, oldest first, and the last id of the
    /// page if there may be more.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn keys(
        &self,
        account: AccountId,
        after: Option<KeyId>,
        limit: usize,
        now: Time,
    ) -> Result<(Vec<KeyRecord>, Option<KeyId>), Error> {
        let Key { pk, sk } =
            after.map_or_else(|| Key::api_keys(account), |key| Key::api_key(account, key));
        // An account's other items sort after its keys, so the first of them marks the end.
        let (mut items, mut more) = self.table.page(&pk, Some(&sk), limit, true).await?;
        let own = items.iter().position(|item| key_id(item).is_none()).unwrap_or(items.len());
        more &= own == items.len();
        items.truncate(own);
        let last = items.last().and_then(key_id).filter(|_| more);
        items.retain(|item| !is_past_listing(item, now));
        let read = items.into_iter().map(|item| {
            let id = key_id(&item).ok_or_else(|| Error::Corrupt("a key", "invalid key".into()))?;
            read_key(account, id, item)
        });
        Ok((read.collect::<Result<_, _>>()?, last))
    }

    pub async fn put_key(&self, key: &KeyRecord) -> Result<(), Error> {
        let item = KeyItem {
            name: key.name.clone(),
            digest: Bytes::B(key.digest.to_vec()),
            scopes: key.scopes,
            valid_until: key.valid_until.map(Time::millis),
            revoked_at: key.revoked_at.map(Time::millis),
            last_used_at: key.last_used_at.map(Time::millis),
            created_at: key.created_at.millis(),
            expires_at: key.ends_at().map(|over| (over + KEEP_LISTED).seconds_ceil()),
        };
        self.table.put(&Key::api_key(key.account, key.id), &item).await
    }

    /// Revokes a key; caches expire within 8 s. Returns `false` if there is no such key. A key that
    /// is already revoked stays unchanged.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn revoke(&self, account: AccountId, key: KeyId, now: Time) -> Result<bool, Error> {
        let update = Update {
            expression: "SET revoked_at = :now, expires_at = :forget".into(),
            condition: Some("attribute_exists(pk) AND attribute_not_exists(revoked_at)"),
            values: vec![(":now", millis(now)), (":forget", seconds(now + KEEP_LISTED))],
            ..Update::default()
        };
        let done = self.table.update(&Key::api_key(account, key), update).await?;
        self.callers.evict(&(account, key));
        Ok(!matches!(done, Conditional::Refused(None)))
    }

    /// Whether a use of the key should be recorded: neither the table nor this process knows of a
    /// use within the last hour.
    #[must_use]
    pub fn should_record_use(&self, key: &KeyRecord, now: Time) -> bool {
        let known = key.last_used_at.is_some_and(|last| now.since(last) < HOUR);
        let own = (key.account, key.id);
        if known || self.used.get(&own, now).is_some() {
            return false;
        }
        self.used.put(own, (), now);
        true
    }

    /// Marks a failed record of a use for retry after one minute, so that an outage doesn't cause a
    /// write per request.
    pub fn retry_recording_use(&self, account: AccountId, key: KeyId, now: Time) {
        self.used.put((account, key), (), now - HOUR + Duration::from_secs(60));
    }

    /// Records the use of a key: one write per key and hour, and one more for each process that
    /// detects it concurrently.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn record_use(&self, account: AccountId, key: KeyId, now: Time) -> Result<(), Error> {
        let update = Update {
            expression: "SET last_used_at = :now".into(),
            condition: Some(
                "attribute_exists(pk) AND \
                 (attribute_not_exists(last_used_at) OR last_used_at <= :before)",
            ),
            values: vec![(":now", millis(now)), (":before", millis(now - HOUR))],
            ..Update::default()
        };
        self.table.update(&Key::api_key(account, key), update).await.map(drop)
    }
}

/// Parses the id of a key item; `None` for other items.
fn key_id(item: &Item) -> Option<KeyId> {
    item.get("sk")?.as_s().ok()?.strip_prefix("KEY#")?.parse().ok()
}

/// Whether the key's listing period is over. TTL may take days to delete it.
fn is_past_listing(item: &Item, now: Time) -> bool {
    let until = item.get("expires_at").and_then(|until| until.as_n().ok()?.parse::<i64>().ok());
    until.is_some_and(|until| Time::from_seconds(until) <= now)
}

fn read_key(account: AccountId, id: KeyId, item: Item) -> Result<KeyRecord, Error> {
    let item: KeyItem = parse_item("a key", item)?;
    let Bytes::B(digest) = item.digest else {
        return Err(Error::Corrupt("a key", "the digest is not binary".into()));
    };
    let digest = digest
        .try_into()
        .map_err(|_| Error::Corrupt("a key", "the digest is not 32 bytes".into()))?;
    Ok(KeyRecord {
        account,
        id,
        name: item.name,
        digest,
        scopes: item.scopes,
        valid_until: item.valid_until.map(Time::from_millis),
        revoked_at: item.revoked_at.map(Time::from_millis),
        last_used_at: item.last_used_at.map(Time::from_millis),
        created_at: Time::from_millis(item.created_at),
    })
}
