use super::{
    Error, Table,
    key::SCHEDULES,
    named::{Definition, Named},
};
use crate::{
    name::Name,
    schedule::{Schedule, ScheduleSpec},
    time::Time,
};

/// The schedules, as operators defined them. When they run is kept by [`Scheduler`](super::Scheduler).
#[derive(Clone, Debug)]
pub struct ScheduleStore {
    items: Named<ScheduleSpec>,
}

impl ScheduleStore {
    /// The schedules of a table.
    #[must_use]
    pub const fn new(table: Table) -> Self {
        Self { items: Named::new(table, SCHEDULES, "a schedule") }
    }

    /// A schedule as it is now.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn find(&self, name: &Name) -> Result<Option<Schedule>, Error> {
        Ok(self.items.find(name).await?.map(Schedule::from))
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
        let (written, new) = self.items.put(name, spec, version, now).await?;
        Ok((written.into(), new))
    }

    /// Takes a definition back, of which Scheduler wants to know nothing: what was there `before` is there again, unless the schedule was
    /// defined anew since.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn take_back(&self, refused: &Schedule, before: Option<Schedule>) -> Result<(), Error> {
        let before = before.map(Definition::from);
        self.items.take_back(&refused.name, &refused.version, before.as_ref()).await
    }

    /// Removes a schedule; `false` if there is none.
    ///
    /// # Errors
    /// When the table can't be written.
    pub async fn delete(&self, name: &Name) -> Result<bool, Error> {
        self.items.delete(name).await
    }

    /// Up to `limit` schedules by name, those after `after`, and whether there are more. One query, which ends at a megabyte.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn page(&self, after: Option<&str>, limit: usize) -> Result<(Vec<Schedule>, bool), Error> {
        let (found, more) = self.items.page(after, limit).await?;
        Ok((found.into_iter().map(Schedule::from).collect(), more))
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
