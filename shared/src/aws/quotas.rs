mod standings;

pub use standings::{Known, Revision};

use super::{
    Error, Table,
    key::QUOTAS,
    named::Definition,
    owned::{OfAccount, Owned},
};
use crate::{
    id::AccountId,
    name::Name,
    quota::{Quota, QuotaSpec},
    time::Time,
};

/// The quotas, as operators defined them, and how they stand.
#[derive(Clone, Debug)]
pub struct QuotaStore {
    definitions: Owned<QuotaSpec>,
    table: Table,
}

impl OfAccount for QuotaSpec {
    fn account(&self) -> Option<AccountId> {
        self.account
    }

    fn size(&self) -> usize {
        // Ten recipients at most: a hundred quotas are far from a page's end.
        0
    }
}

impl QuotaStore {
    /// The quotas of a table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { definitions: Owned::new(table.clone(), QUOTAS, "a quota"), table }
    }

    /// A quota as it is now.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn find(&self, name: &Name) -> Result<Option<Quota>, Error> {
        Ok(self.definitions.items.find(name).await?.map(Quota::from))
    }

    /// Defines a quota; `true` if it is a new one.
    ///
    /// # Errors
    /// When the table can't be written.
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

    /// Removes a quota; `false` if there is none. The next check sees to what is left of it.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn delete(&self, quota: &Quota) -> Result<bool, Error> {
        self.definitions.delete(&quota.name, &quota.spec).await
    }

    /// Up to `limit` quotas by name, of all accounts or of one, those after `after`, and at which name the page ended, if there may be more.
    /// However many quotas other accounts have, those of one are one query, and a read of each that it names.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn page(
        &self,
        of: Option<AccountId>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Quota>, Option<Name>), Error> {
        let (found, last) = self.definitions.page(of, after, limit).await?;
        Ok((found.into_iter().map(Quota::from).collect(), last))
    }

    /// All quotas by name, as every change that was answered before left them: nobody gets a mail about a limit that isn't any more. A query for
    /// each megabyte, at a read unit for 4 KB.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn all(&self) -> Result<Vec<Quota>, Error> {
        Ok(self.definitions.items.all_now().await?.into_iter().map(Quota::from).collect())
    }
}

impl From<Definition<QuotaSpec>> for Quota {
    fn from(definition: Definition<QuotaSpec>) -> Self {
        let Definition { name, version, spec, disabled: _, created_at, updated_at } = definition;
        Self { name, version, spec, created_at, updated_at }
    }
}
