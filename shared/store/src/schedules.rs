use super::{
    Error, Table,
    account_index::{AccountOwned, IndexedDefinitions},
    definitions::Definition,
    key::SCHEDULES,
};
use model::{
    id::AccountId,
    name::Name,
    schedule::{Schedule, ScheduleSpec},
    time::Time,
};

/// Schedule definitions. [`Scheduler`](super::Scheduler) holds their timing.
#[derive(Clone, Debug)]
pub struct ScheduleStore {
    definitions: IndexedDefinitions<ScheduleSpec>,
}

impl AccountOwned for ScheduleSpec {
    fn account(&self) -> Option<AccountId> {
        Some(self.account)
    }

    fn size(&self) -> usize {
        self.job.payload.as_str().len()
    }
}

impl ScheduleStore {
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { definitions: IndexedDefinitions::new(table, SCHEDULES, "a schedule") }
    }

    /// Returns a schedule by a consistent read.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn find(&self, name: &Name) -> Result<Option<Schedule>, Error> {
        Ok(self.definitions.items.find(name).await?.map(Schedule::from))
    }

    /// Creates or replaces a schedule. Returns `true` if it is new.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn put(
        &self,
        name: &Name,
        spec: &ScheduleSpec,
        version: &str,
        now: Time,
    ) -> Result<(Schedule, bool), Error> {
        let (written, new) = self.definitions.put(name, spec, version, now).await?;
        Ok((written.into(), new))
    }

    /// Rolls back a definition that Scheduler rejected to `before`, unless the schedule was
    /// redefined since.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn roll_back(
        &self,
        refused: &Schedule,
        before: Option<Schedule>,
    ) -> Result<(), Error> {
        let before = before.map(Definition::from);
        self.definitions.items.roll_back(&refused.name, &refused.version, before.as_ref()).await
    }

    /// Deletes a schedule. Returns `false` if there is none.
    ///
    /// # Errors
    /// Fails when the table can't be written.
    pub async fn delete(&self, schedule: &Schedule) -> Result<bool, Error> {
        self.definitions.delete(&schedule.name, &schedule.spec).await
    }

    /// Returns up to `limit` schedules after `after` by name, of all accounts or of one. Also
    /// returns the last name of the page if there may be more. For one account, this is one query
    /// of the index and one read per entry, independent of other accounts.
    ///
    /// # Errors
    /// Fails when the table can't be read.
    pub async fn page(
        &self,
        of: Option<AccountId>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Schedule>, Option<Name>), Error> {
        let (found, last) = self.definitions.page(of, after, limit).await?;
        Ok((found.into_iter().map(Schedule::from).collect(), last))
    }
}

impl From<Definition<ScheduleSpec>> for Schedule {
    fn from(definition: Definition<ScheduleSpec>) -> Self {
        let Definition { name, version, spec, disabled: _, created_at, updated_at } = definition;
        Self { name, version, spec, created_at, updated_at }
    }
}

impl From<Schedule> for Definition<ScheduleSpec> {
    fn from(schedule: Schedule) -> Self {
        let Schedule { name, version, spec, created_at, updated_at } = schedule;
        Self { name, version, spec, disabled: false, created_at, updated_at }
    }
}
