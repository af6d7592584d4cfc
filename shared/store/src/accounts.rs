mod blocks;
mod keys;
mod secrets;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnValue};
use serde::{Deserialize, Serialize};

use self::{blocks::BlockItem, secrets::SecretItem};
use super::{
    Error, Table,
    cache::Cache,
    key::{ACCOUNTS, Key},
    table::{Conditional, Item, Update, number, parse_item, text},
};
use model::{
    account::{Account, AccountChange, KeyRecord},
    id::{self, AccountId, KeyId},
    name::Name,
    push::Subscriber,
    time::Time,
};

/// Cache lifetime. A revoked key must stop working within 30 s, and a request that it authorized
/// may run for 20 s.
const CACHE_TTL: Duration = Duration::from_secs(8);

#[derive(Debug)]
pub struct AccountStore {
    table: Table,
    callers: Cache<(AccountId, KeyId), Arc<(KeyRecord, Account)>>,
    accounts: Cache<AccountId, Arc<Account>>,
    /// Keys whose use this process recorded within the last hour.
    used: Cache<(AccountId, KeyId), ()>,
}

#[derive(Serialize, Deserialize)]
struct AccountItem {
    name: String,
    is_active: bool,
    webhook_secrets: Vec<SecretItem>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_running: Option<u32>,
    /// Keyed by the names of the exhausted quotas.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    blocks: BTreeMap<Name, BlockItem>,
    created_at: i64,
}

/// A directory entry. It holds only the key, so that changes are written to one item.
#[derive(Serialize)]
struct EntryItem {}

impl AccountStore {
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self {
            table,
            callers: Cache::new(CACHE_TTL),
            accounts: Cache::new(CACHE_TTL),
            used: Cache::new(keys::HOUR),
        }
    }

    /// Opens a connection to the table. Reads a missing item, the cheapest call that the IAM
    /// policies of all functions with an account store allow.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn warm_up(&self) -> Result<(), Error> {
        self.table.get(&Key::no_account(), false).await.map(drop)
    }

    /// Returns an account; the data is at most 8 s old.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn get_cached(
        &self,
        id: AccountId,
        now: Time,
    ) -> Result<Option<Arc<Account>>, Error> {
        if let Some(known) = self.accounts.get(&id, now) {
            return Ok(Some(known));
        }
        let is_young = now.since(id::time_of(&id)) < keys::MAX_REPLICATION_LAG;
        let Some(item) = self.table.get(&Key::account(id), is_young).await? else {
            return Ok(None);
        };
        let account = Arc::new(read_account(id, item)?);
        self.accounts.put(id, account.clone(), now);
        Ok(Some(account))
    }

    /// Returns the accounts whose events a subscriber requests, or its own account if it requests
    /// none. `None` if one of them doesn't exist or isn't visible to the subscriber.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn visible_accounts(
        &self,
        subscriber: &Subscriber,
        named: BTreeSet<AccountId>,
        now: Time,
    ) -> Result<Option<Vec<AccountId>>, Error> {
        if named.is_empty() {
            return Ok(Some(vec![subscriber.account]));
        }
        for account in named.iter().filter(|account| **account != subscriber.account) {
            if !subscriber.can_read(*account) || self.get_cached(*account, now).await?.is_none() {
                return Ok(None);
            }
        }
        Ok(Some(named.into_iter().collect()))
    }

    /// Returns the ids of all accounts.
    ///
    /// # Errors
    /// Fails when the table can't be read.
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
                item.get("sk")
                    .and_then(|sk| sk.as_s().ok())
                    .and_then(|id| id.parse::<AccountId>().ok()),
            );
        }
        Ok(accounts)
    }

    /// Returns the ids of up to `limit` accounts after `after`, oldest first. One eventually
    /// consistent query.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn ids_after(
        &self,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<Vec<AccountId>, Error> {
        let after = after.map(|id| id.to_string());
        let (entries, _) = self.table.page(ACCOUNTS, after.as_deref(), limit, false).await?;
        entries.iter().map(|entry| id_of(entry, "sk")).collect()
    }

    /// Returns an account by a consistent read.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn get_consistent(&self, id: AccountId) -> Result<Option<Account>, Error> {
        let item = self.table.get(&Key::account(id), true).await?;
        item.map(|item| read_account(id, item)).transpose()
    }

    /// Returns up to `limit` accounts after `after`, oldest first, and the last id of the page if
    /// there may be more. One query of the directory and one batch read.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn page(
        &self,
        after: Option<AccountId>,
        limit: usize,
    ) -> Result<(Vec<Account>, Option<AccountId>), Error> {
        let after = after.map(|id| id.to_string());
        let (entries, more) = self.table.page(ACCOUNTS, after.as_deref(), limit, true).await?;
        let ids = entries.iter().map(|entry| id_of(entry, "sk")).collect::<Result<Vec<_>, _>>()?;
        let keys = ids.iter().map(|id| Key::account(*id).attributes()).collect::<Vec<_>>();
        if keys.is_empty() {
            return Ok((Vec::new(), None));
        }
        let wanted =
            KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let items =
            self.table.batch_get(wanted.map_err(|e| Error::Refused(e.to_string()))?).await?;
        let read = items.into_iter().map(|item| read_account(id_of(&item, "pk")?, item));
        let mut accounts = read.collect::<Result<Vec<_>, _>>()?;
        accounts.sort_by_key(|account| account.id);
        Ok((accounts, ids.last().copied().filter(|_| more)))
    }

    /// Updates an account in one write. Returns `None` if it doesn't exist. Other processes see the
    /// change within the cache lifetime of 8 s.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn change(
        &self,
        id: AccountId,
        change: &AccountChange,
    ) -> Result<Option<Account>, Error> {
        let (mut set, mut remove, mut names, mut values) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        if let Some(name) = &change.name {
            set.push("#name = :name");
            names.push(("#name", "name"));
            values.push((":name", text(name)));
        }
        if let Some(is_active) = change.is_active {
            set.push("is_active = :is_active");
            values.push((":is_active", AttributeValue::Bool(is_active)));
        }
        match change.max_running {
            Some(Some(cap)) => {
                set.push("max_running = :max_running");
                values.push((":max_running", number(cap)));
            }
            Some(None) => remove.push("max_running"),
            None => {}
        }
        let clause = |word: &str, parts: Vec<&str>| match parts.len() {
            0 => String::new(),
            _ => format!("{word} {} ", parts.join(", ")),
        };
        let expression = clause("SET", set) + &clause("REMOVE", remove);
        if expression.is_empty() {
            return self.get_consistent(id).await;
        }
        let update = Update {
            expression,
            condition: Some("attribute_exists(pk)"),
            names,
            values,
            returns: Some(ReturnValue::AllNew),
        };
        let Conditional::Done(Some(item)) = self.table.update(&Key::account(id), update).await?
        else {
            return Ok(None);
        };
        self.accounts.evict(&id);
        read_account(id, item).map(Some)
    }

    /// Writes the directory entry, then the account. An account without an entry could not be found
    /// in any list.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn put_account(&self, account: &Account) -> Result<(), Error> {
        self.table.put(&Key::account_in_directory(account.id), &EntryItem {}).await?;
        let item = AccountItem {
            name: account.name.clone(),
            is_active: account.is_active,
            webhook_secrets: secrets::items(&account.webhook_secrets),
            max_running: account.max_running,
            blocks: BTreeMap::new(),
            created_at: account.created_at.millis(),
        };
        self.table.put(&Key::account(account.id), &item).await
    }
}

/// Parses the account id from a part of an item's key.
fn id_of(item: &Item, part: &str) -> Result<AccountId, Error> {
    let named =
        item.get(part).and_then(|value| value.as_s().ok()?.rsplit('#').next()?.parse().ok());
    named.ok_or_else(|| Error::Corrupt("an account", "invalid key".into()))
}

fn read_account(id: AccountId, item: Item) -> Result<Account, Error> {
    let AccountItem { name, is_active, webhook_secrets, max_running, blocks, created_at } =
        parse_item("an account", item)?;
    let webhook_secrets = secrets::read(webhook_secrets);
    let blocks = blocks::read(id, blocks);
    let created_at = Time::from_millis(created_at);
    Ok(Account { id, name, is_active, webhook_secrets, max_running, blocks, created_at })
}
