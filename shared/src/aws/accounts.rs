use std::{sync::Arc, time::Duration};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use serde::{Deserialize, Serialize};
use serde_dynamo::AttributeValue as Bytes;

use super::{
    Error, Table,
    cache::Cache,
    key::{ACCOUNTS, Key},
    table::{Item, content, text},
};
use crate::{
    account::{Account, ApiKey, KeyRecord, Scopes, WebhookSecret},
    id::{AccountId, KeyId},
    time::Time,
};

/// For how long what was read counts: a revoked key opens nothing after 30 s, with time to spare for a slow request.
const KEEP: Duration = Duration::from_secs(20);

/// Accounts and their keys.
#[derive(Debug)]
pub struct AccountStore {
    table: Table,
    callers: Cache<(AccountId, KeyId), Arc<(KeyRecord, Account)>>,
    accounts: Cache<AccountId, Arc<Account>>,
}

#[derive(Serialize, Deserialize)]
struct AccountItem {
    name: String,
    is_active: bool,
    webhook_secret: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_running: Option<u32>,
    created_at: i64,
}

#[derive(Serialize, Deserialize)]
struct KeyItem {
    name: String,
    digest: Bytes,
    scopes: Scopes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    valid_until: Option<i64>,
    created_at: i64,
}

#[derive(Serialize)]
struct DirectoryItem<'a> {
    name: &'a str,
}

impl AccountStore {
    /// The accounts of a table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { table, callers: Cache::new(KEEP), accounts: Cache::new(KEEP) }
    }

    /// The key's record and its account in one read, at most 20 s old; `None` where there is no such key. Whether the
    /// secret is right is for [`KeyRecord::opens_for`] to say.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn caller(&self, key: &ApiKey, now: Time) -> Result<Option<Arc<(KeyRecord, Account)>>, Error> {
        if let Some(known) = self.callers.get(&(key.account, key.id), now) {
            return Ok(Some(known));
        }
        let keys = [Key::account(key.account), Key::api_key(key.account, key.id)];
        let wanted =
            KeysAndAttributes::builder().set_keys(Some(keys.iter().map(Key::attributes).collect())).build();
        let wanted = wanted.map_err(|e| Error::Refused(e.to_string()))?;
        let mut items = self.table.batch_get(wanted).await?;
        let mut take = |key: &Key| {
            let at = items
                .iter()
                .position(|item| item.get("sk").and_then(|sk| sk.as_s().ok()) == Some(&key.sk))?;
            Some(items.swap_remove(at))
        };
        let (Some(account), Some(record)) = (take(&keys[0]), take(&keys[1])) else { return Ok(None) };
        let found = Arc::new((read_key(key.account, key.id, record)?, read_account(key.account, account)?));
        self.callers.put((key.account, key.id), found.clone(), now);
        Ok(Some(found))
    }

    /// An account, at most 20 s old.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn account(&self, id: AccountId, now: Time) -> Result<Option<Arc<Account>>, Error> {
        if let Some(known) = self.accounts.get(&id, now) {
            return Ok(Some(known));
        }
        let Some(item) = self.table.get(&Key::account(id), false).await? else { return Ok(None) };
        let account = Arc::new(read_account(id, item)?);
        self.accounts.put(id, account.clone(), now);
        Ok(Some(account))
    }

    /// The ids of all accounts.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn all(&self) -> Result<Vec<AccountId>, Error> {
        let call = self.table.client.query().table_name(&self.table.name);
        let mut pages = call
            .key_condition_expression("pk = :accounts")
            .expression_attribute_values(":accounts", text(ACCOUNTS))
            .into_paginator()
            .items()
            .send();
        let mut accounts = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|e| Error::of("Query", &e))?;
            accounts.extend(
                item.get("sk").and_then(|sk| sk.as_s().ok()).and_then(|id| id.parse::<AccountId>().ok()),
            );
        }
        Ok(accounts)
    }

    /// Writes an account, and its entry in the directory.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn put_account(&self, account: &Account) -> Result<(), Error> {
        let entry = DirectoryItem { name: &account.name };
        self.table.put(&Key::account_in_directory(account.id), &entry).await?;
        let item = AccountItem {
            name: account.name.clone(),
            is_active: account.is_active,
            webhook_secret: account.webhook_secret.reveal().to_owned(),
            max_running: account.max_running,
            created_at: account.created_at.millis(),
        };
        self.table.put(&Key::account(account.id), &item).await
    }

    /// Writes a key's record.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn put_key(&self, key: &KeyRecord) -> Result<(), Error> {
        let item = KeyItem {
            name: key.name.clone(),
            digest: Bytes::B(key.digest.to_vec()),
            scopes: key.scopes,
            valid_until: key.valid_until.map(Time::millis),
            created_at: key.created_at.millis(),
        };
        self.table.put(&Key::api_key(key.account, key.id), &item).await
    }
}

fn read_account(id: AccountId, item: Item) -> Result<Account, Error> {
    let AccountItem { name, is_active, webhook_secret, max_running, created_at } =
        content("an account", item)?;
    let webhook_secret = WebhookSecret::from_text(webhook_secret);
    let created_at = Time::from_millis(created_at);
    Ok(Account { id, name, is_active, webhook_secret, max_running, created_at })
}

fn read_key(account: AccountId, id: KeyId, item: Item) -> Result<KeyRecord, Error> {
    let KeyItem { name, digest, scopes, valid_until, created_at } = content("a key", item)?;
    let Bytes::B(digest) = digest else {
        return Err(Error::Corrupt("a key", "the digest is not binary".into()));
    };
    let digest =
        digest.try_into().map_err(|_| Error::Corrupt("a key", "the digest is not 32 bytes".into()))?;
    let valid_until = valid_until.map(Time::from_millis);
    Ok(KeyRecord {
        account,
        id,
        name,
        digest,
        scopes,
        valid_until,
        created_at: Time::from_millis(created_at),
    })
}
