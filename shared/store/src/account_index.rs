use futures::future::try_join_all;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Error, Table,
    definitions::{Definition, DefinitionStore},
    key::Key,
    table::Item,
};
use model::{id::AccountId, name::Name, time::Time};

/// Definitions of an account read in parallel.
const PARALLEL_READS: usize = 10;
/// Page size limit in bytes; equals that of a DynamoDB query.
const PAGE_BYTES: usize = 1024 * 1024;

/// Definitions that belong to accounts, such as schedules: [`DefinitionStore`] items plus an
/// index of names per account.
///
/// An index entry is written after its definition and deleted before it. It is therefore missing
/// only until a `PUT` completes, or is repeated after a failure. A stale entry, whose definition is
/// gone or belongs to another account, is ignored.
#[derive(Clone, Debug)]
pub(super) struct IndexedDefinitions<S> {
    pub items: DefinitionStore<S>,
    table: Table,
    partition: &'static str,
}

/// A definition that may belong to an account.
pub(super) trait AccountOwned: Serialize + DeserializeOwned {
    /// The owner; `None` if the definition belongs to the operator.
    fn account(&self) -> Option<AccountId>;
    /// Approximate size in bytes.
    fn size(&self) -> usize;
}

/// An index entry. The key holds all the data.
#[derive(Serialize)]
struct EntryItem {}

impl<S: AccountOwned> IndexedDefinitions<S> {
    pub fn new(table: Table, partition: &'static str, noun: &'static str) -> Self {
        Self { items: DefinitionStore::new(table.clone(), partition, noun), table, partition }
    }

    /// Creates or replaces a definition. Returns `true` if it is new.
    pub async fn put(
        &self,
        name: &Name,
        spec: &S,
        version: &str,
        now: Time,
    ) -> Result<(Definition<S>, bool), Error> {
        let written = self.items.put(name, spec, version, now).await?;
        if let Some(account) = spec.account() {
            self.table
                .put(&Key::account_index_entry(self.partition, account, name), &EntryItem {})
                .await?;
        }
        Ok(written)
    }

    /// Returns `false` if there is none.
    pub async fn delete(&self, name: &Name, spec: &S) -> Result<bool, Error> {
        if let Some(account) = spec.account() {
            self.table
                .delete(&Key::account_index_entry(self.partition, account, name), None)
                .await?;
        }
        self.items.delete(name).await
    }

    /// Returns up to `limit` definitions after `after` by name, and the last name of the page if
    /// there may be more. For all accounts, this is one query, limited to 1 MB. For one account, it
    /// is one query of the index and one read per entry, independent of other accounts.
    pub async fn page(
        &self,
        of: Option<AccountId>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Definition<S>>, Option<Name>), Error> {
        let Some(account) = of else {
            let (found, more) = self.items.page(after, limit).await?;
            let last = found.last().filter(|_| more).map(|one| one.name.clone());
            return Ok((found, last));
        };
        self.page_of_account(account, after, limit).await
    }

    async fn page_of_account(
        &self,
        account: AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Definition<S>>, Option<Name>), Error> {
        let (names, more) = self.index_page(account, after, limit).await?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        for (n, some) in names.chunks(PARALLEL_READS).enumerate() {
            let read = try_join_all(some.iter().map(|name| self.items.find(name))).await?;
            let own = read.into_iter().flatten().filter(|one| one.spec.account() == Some(account));
            for one in own {
                bytes += one.spec.size();
                found.push(one);
            }
            let is_last = (n + 1) * PARALLEL_READS >= names.len();
            if bytes >= PAGE_BYTES && !is_last {
                return Ok((found, some.last().cloned()));
            }
        }
        Ok((found, names.last().filter(|_| more).cloned()))
    }

    async fn index_page(
        &self,
        account: AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Name>, bool), Error> {
        let directory = Key::account_index(self.partition, account);
        let (items, more) = self.table.page(&directory, after, limit, false).await?;
        let name = |item: Item| {
            let name = item.get("sk").and_then(|sk| sk.as_s().ok()?.parse().ok());
            name.ok_or_else(|| Error::Corrupt("a directory", "invalid name in key".into()))
        };
        Ok((items.into_iter().map(name).collect::<Result<_, _>>()?, more))
    }
}
