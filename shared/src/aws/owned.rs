use futures::future::try_join_all;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Error, Table,
    key::Key,
    named::{Definition, Named},
    table::Item,
};
use crate::{id::AccountId, name::Name, time::Time};

/// How many definitions of an account are read side by side.
const AT_ONCE: usize = 10;
/// At how many bytes a page of an account's definitions ends: what a query of all ends at.
const PAGE_BYTES: usize = 1024 * 1024;

/// Things that operators name and define for accounts, such as schedules: [`Named`] ones, of which each account has a directory of names.
///
/// A name is put there after the thing and removed before it, so that it is missing only until a `PUT` ends, or is repeated if it failed. It
/// may outlive its thing, or the thing's being this account's; then it counts for nothing.
#[derive(Clone, Debug)]
pub(super) struct Owned<S> {
    pub items: Named<S>,
    table: Table,
    partition: &'static str,
}

/// What is defined for an account.
pub(super) trait OfAccount: Serialize + DeserializeOwned {
    /// For whom; nobody's are the operator's alone.
    fn account(&self) -> Option<AccountId>;
    /// About how many bytes it has.
    fn size(&self) -> usize;
}

/// A directory's entry: its key says it all.
#[derive(Serialize)]
struct EntryItem {}

impl<S: OfAccount> Owned<S> {
    pub fn new(table: Table, partition: &'static str, noun: &'static str) -> Self {
        Self { items: Named::new(table.clone(), partition, noun), table, partition }
    }

    /// Defines one; `true` if it is new.
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
                .put(&Key::in_directory(self.partition, account, name), &EntryItem {})
                .await?;
        }
        Ok(written)
    }

    /// Removes one; `false` if there is none.
    pub async fn delete(&self, name: &Name, spec: &S) -> Result<bool, Error> {
        if let Some(account) = spec.account() {
            self.table.delete(&Key::in_directory(self.partition, account, name), None).await?;
        }
        self.items.delete(name).await
    }

    /// Up to `limit` by name, those after `after`, and at which name the page ended, if there may be more. Those of all accounts are one query,
    /// which ends at a megabyte; those of one, however many others have, are one query as well, and a read of each that it names.
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
        self.page_of(account, after, limit).await
    }

    async fn page_of(
        &self,
        account: AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Definition<S>>, Option<Name>), Error> {
        let (names, more) = self.directory(account, after, limit).await?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        for (n, some) in names.chunks(AT_ONCE).enumerate() {
            let read = try_join_all(some.iter().map(|name| self.items.find(name))).await?;
            let own = read.into_iter().flatten().filter(|one| one.spec.account() == Some(account));
            for one in own {
                bytes += one.spec.size();
                found.push(one);
            }
            let is_last = (n + 1) * AT_ONCE >= names.len();
            if bytes >= PAGE_BYTES && !is_last {
                return Ok((found, some.last().cloned()));
            }
        }
        Ok((found, names.last().filter(|_| more).cloned()))
    }

    async fn directory(
        &self,
        account: AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Name>, bool), Error> {
        let directory = Key::directory(self.partition, account);
        let (items, more) = self.table.page(&directory, after, limit, false).await?;
        let name = |item: Item| {
            let name = item.get("sk").and_then(|sk| sk.as_s().ok()?.parse().ok());
            name.ok_or_else(|| Error::Corrupt("a directory", "its entry's key is no name".into()))
        };
        Ok((items.into_iter().map(name).collect::<Result<_, _>>()?, more))
    }
}
