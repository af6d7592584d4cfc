use futures::future::try_join_all;
use serde::Serialize;

use super::{
    Error, Table,
    key::{Key, SCHEDULES},
    named::{Definition, Named},
};
use crate::{
    id::AccountId,
    name::Name,
    schedule::{Schedule, ScheduleSpec},
    time::Time,
};

/// How many schedules of an account are read side by side.
const AT_ONCE: usize = 10;
/// At how many bytes of payloads a page of an account's schedules ends: what a query of all schedules ends at.
const PAGE_BYTES: usize = 1024 * 1024;

/// The schedules, as operators defined them. When they run is kept by [`Scheduler`](super::Scheduler).
///
/// Each account has a directory of its schedules' names. A name is put there after the schedule and removed before it, so that it is
/// missing only until a `PUT` ends, or is repeated if it failed. It may outlive its schedule, or the schedule's being this account's; then it
/// counts for nothing.
#[derive(Clone, Debug)]
pub struct ScheduleStore {
    items: Named<ScheduleSpec>,
    table: Table,
}

/// A directory's entry: its key says it all.
#[derive(Serialize)]
struct EntryItem {}

impl ScheduleStore {
    /// The schedules of a table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self { items: Named::new(table.clone(), SCHEDULES, "a schedule"), table }
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
        self.table.put(&Key::schedule_in_directory(spec.account, name), &EntryItem {}).await?;
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
    pub async fn delete(&self, schedule: &Schedule) -> Result<bool, Error> {
        let entry = Key::schedule_in_directory(schedule.spec.account, &schedule.name);
        self.table.delete(&entry, None).await?;
        self.items.delete(&schedule.name).await
    }

    /// Up to `limit` schedules by name, those after `after`, and whether there are more. One query, which ends at a megabyte.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn page(&self, after: Option<&str>, limit: usize) -> Result<(Vec<Schedule>, bool), Error> {
        let (found, more) = self.items.page(after, limit).await?;
        Ok((found.into_iter().map(Schedule::from).collect(), more))
    }

    /// Up to `limit` schedules of an account by name, those after `after`, and at which name the page ended, if there may be more. However
    /// many schedules other accounts have, it is one query, and a read of each that it names.
    ///
    /// # Errors
    /// When the table can't be read.
    pub async fn page_of(
        &self,
        account: AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Schedule>, Option<Name>), Error> {
        let (names, more) = self.directory(account, after, limit).await?;
        let (mut found, mut bytes) = (Vec::new(), 0);
        for (n, some) in names.chunks(AT_ONCE).enumerate() {
            let read = try_join_all(some.iter().map(|name| self.find(name))).await?;
            let own = read.into_iter().flatten().filter(|schedule| schedule.spec.account == account);
            for schedule in own {
                bytes += schedule.spec.job.payload.as_str().len();
                found.push(schedule);
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
        let (items, more) = self.table.page(&Key::schedules_of(account), after, limit, false).await?;
        let names = items.into_iter().map(|item| {
            let name = item.get("sk").and_then(|sk| sk.as_s().ok()?.parse().ok());
            name.ok_or_else(|| Error::Corrupt("a schedule", "its entry's key is no name".into()))
        });
        Ok((names.collect::<Result<_, _>>()?, more))
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
