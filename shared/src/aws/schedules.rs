use super::{
    Error, Table,
    key::SCHEDULES,
    named::Definition,
    owned::{OfAccount, Owned},
};
use crate::{
    id::AccountId,
    name::Name,
    schedule::{Schedule, ScheduleSpec},
    time::Time,
};

/// The schedules, as operators defined them. When they run is kept by [`Scheduler`](super::Scheduler).
#[derive(Clone, Debug)]
pub struct ScheduleStore {
    definitions: Owned<ScheduleSpec>,
}

impl OfAccount for ScheduleSpec {
    fn account(&self) -> Option<AccountId> {
        Some(self.account)
    }

    fn size(&self) -> usize {
        self.job.payload.as_str().len()
    }
}

impl ScheduleStore {
    /// The schedules of a table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { definitions: Owned::new(table, SCHEDULES, "a schedule") }
    }

    /// A schedule as it is now.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn find(&self, name: &Name) -> Result<Option<Schedule>, Error> {
        Ok(self.definitions.items.find(name).await?.map(Schedule::from))
    }

    /// Defines a schedule; `true` if it is a new one.
    ///
    /// # Errors
    /// When the table can't be written.
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

    /// Takes a definition back, of which Scheduler wants to know nothing: what was there `before` is there again, unless the schedule was
    /// defined anew since.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn take_back(
        &self,
        refused: &Schedule,
        before: Option<Schedule>,
    ) -> Result<(), Error> {
        let before = before.map(Definition::from);
        self.definitions.items.take_back(&refused.name, &refused.version, before.as_ref()).await
    }

    /// Removes a schedule; `false` if there is none.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn delete(&self, schedule: &Schedule) -> Result<bool, Error> {
        self.definitions.delete(&schedule.name, &schedule.spec).await
    }

    /// Up to `limit` schedules by name, of all accounts or of one, those after `after`, and at which name the page ended, if there may be more.
    /// However many schedules other accounts have, those of one are one query, and a read of each that it names.
    ///
    /// # Errors
    /// When the table can't be read.
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
