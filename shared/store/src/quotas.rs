mod states;

pub use states::{Revision, StoredQuotaState};

use super::{
    Error, Table,
    account_index::{AccountOwned, IndexedDefinitions},
    definitions::Definition,
    key::QUOTAS,
};
use model::{
    id::AccountId,
    name::Name,
    quota::{Quota, QuotaSpec},
    time::Time,
};

/// Quota definitions and states.
#[derive(Clone, Debug)]
pub struct QuotaStore {
    definitions: IndexedDefinitions<QuotaSpec>,
    table: Table,
}

impl AccountOwned for QuotaSpec {
    fn account(&self) -> Option<AccountId> {
        self.account
    }

    fn size(&self) -> usize {
        // At most ten recipients each: a hundred quotas are far below the page size limit.
        0
    }
}

impl QuotaStore {
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { definitions: IndexedDefinitions::new(table.clone(), QUOTAS, "a quota"), table }
    }

    /// Returns a quota by a consistent read.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn find(&self, name: &Name) -> Result<Option<Quota>, Error> {
        Ok(self.definitions.items.find(name).await?.map(Quota::from))
    }

    /// Creates or replaces a quota. Returns `true` if it is new.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn put(
        &self,
        name: &Name,
        spec: &QuotaSpec,
        version: &str,
        now: Time,
    ) -> Result<(Quota, bool), Error> {
        let (written, new) = self.definitions.put(name, spec, version, now).await?;
        Ok((written.into(), new))
    }

    /// Deletes a quota. Returns `false` if there is none. The next evaluation removes its state.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn delete(&self, quota: &Quota) -> Result<bool, Error> {
        self.definitions.delete(&quota.name, &quota.spec).await
    }

    /// Returns up to `limit` quotas after `after` by name, of all accounts or of one. Also returns
    /// the last name of the page if there may be more. For one account, this is one query of the
    /// index and one read per entry, independent of other accounts.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn page(
        &self,
        of: Option<AccountId>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Quota>, Option<Name>), Error> {
        let (found, last) = self.definitions.page(of, after, limit).await?;
        Ok((found.into_iter().map(Quota::from).collect(), last))
    }

    /// Returns all quotas by name. The read is consistent, so that no mail is sent about a deleted
    /// limit. One query per MB, at one read unit per 4 KB.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn all(&self) -> Result<Vec<Quota>, Error> {
        Ok(self.definitions.items.all_consistent().await?.into_iter().map(Quota::from).collect())
    }
}

impl From<Definition<QuotaSpec>> for Quota {
    fn from(definition: Definition<QuotaSpec>) -> Self {
        let Definition { name, version, spec, disabled: _, created_at, updated_at } = definition;
        Self { name, version, spec, created_at, updated_at }
    }
}
